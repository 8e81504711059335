package vr

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
)

// Router is one virtual router. It is safe for concurrent use. It is a dataplane.Namespace.
type Router struct {
	name    string
	created bool
	home    namespace

	mu       sync.RWMutex
	released bool
	ns       namespace
}

// Name is the name of the network namespace.
func (r *Router) Name() string { return r.name }

// Created reports whether the manager created the namespace, and so removes it at the end.
func (r *Router) Created() bool { return r.created }

// Do runs f on a thread that is inside the namespace. f must not leave the thread: what it starts on other goroutines
// runs elsewhere. A thread that cannot go back is thrown away. Errors name the router; after the namespace was deleted
// or the manager closed, they wrap os.ErrClosed.
func (r *Router) Do(f func() error) error {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A goroutine that ends while locked takes its thread along.
		runtime.LockOSThread()
		if err = r.enter(); err != nil {
			runtime.UnlockOSThread() // the thread never left
			return
		}
		defer func() {
			if r.home.enter() == nil {
				runtime.UnlockOSThread()
			}
		}()
		err = errors.New("the function ended its goroutine") // unless it returns
		err = f()
	}()
	<-done
	if err != nil {
		return fmt.Errorf("VR %s: %w", r.name, err)
	}
	return nil
}

// enter puts the thread into the namespace.
func (r *Router) enter() error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.released {
		return fmt.Errorf("network namespace: %w", os.ErrClosed)
	}
	return r.ns.enter()
}

// release lets go of the namespace.
func (r *Router) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = true
	r.ns.close()
}
