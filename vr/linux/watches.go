package linux

import (
	"fmt"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// watches are the watched namespaces, each once, although it may have several names and so contain
// several routers: the kernel sends every notification to every socket.
type watches struct {
	mu sync.Mutex
	of map[identity]*watch
}

// watch reports the interfaces of one namespace for all routers in it.
type watch struct {
	start func() error // starts the watch at the first call
	done  chan struct{}
	users int // guarded by watches.mu

	mu      sync.Mutex
	routers []*Router
	known   linkStates
}

// watchNamespace reports the interfaces of the router's namespace until the router is released.
func (m *Manager) watchNamespace(r *Router) error {
	w := m.acquireWatch(r.place)
	if err := w.start(); err != nil {
		m.releaseWatch(r.place.id, w)
		return err
	}
	r.unwatch = func() {
		w.remove(r)
		m.releaseWatch(r.place.id, w)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routers = append(w.routers, r)
	for _, state := range w.known {
		m.switched(r, state.name, state.up)
	}
	return nil
}

// acquireWatch returns the watch of a namespace and counts one more user of it.
func (m *Manager) acquireWatch(at place) *watch {
	m.watches.mu.Lock()
	defer m.watches.mu.Unlock()
	w := m.watches.of[at.id]
	if w == nil {
		w = &watch{done: make(chan struct{}), known: linkStates{}}
		w.start = sync.OnceValue(func() error { return m.startWatch(w, at.namespace) })
		m.watches.of[at.id] = w
	}
	w.users++
	return w
}

// releaseWatch ends the watch after its last user.
func (m *Manager) releaseWatch(id identity, w *watch) {
	m.watches.mu.Lock()
	defer m.watches.mu.Unlock()
	if w.users--; w.users == 0 {
		delete(m.watches.of, id)
		close(w.done)
	}
}

// startWatch starts to watch a namespace.
func (m *Manager) startWatch(w *watch, of netns.Handle) error {
	// A handle of its own, because the router whose handle this is may be released before others.
	ns, err := netns.Duplicate(of)
	if err != nil {
		return fmt.Errorf("watch interfaces for changes: %w", err)
	}
	run := func(f func()) {
		m.watched.Go(func() {
			defer ns.Close()
			f()
		})
	}
	err = watchLinks(ns, w.done, run, func(u netlink.LinkUpdate) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if up, switched := w.known.update(u); switched {
			for _, r := range w.routers {
				m.switched(r, u.Attrs().Name, up)
			}
		}
	}, func() {})
	if err != nil {
		ns.Close()
	}
	return err
}

func (w *watch) remove(r *Router) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routers = slices.DeleteFunc(w.routers, func(other *Router) bool { return other == r })
}
