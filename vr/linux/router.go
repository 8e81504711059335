package linux

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Router is an open virtual router. It is safe for concurrent use. It is a dataplane.Namespace.
type Router struct {
	spec    vr.Spec
	created bool
	place   place

	mu       sync.RWMutex
	released bool
	unwatch  func() // nil: its interfaces are not watched
}

// Spec returns the Spec that the router was opened for.
func (r *Router) Spec() vr.Spec { return r.spec }

// Name returns the name of the network namespace or of the VRF.
func (r *Router) Name() string { return r.spec.Name() }

// Created reports whether the manager created the namespace or VRF, and so removes it at the end.
func (r *Router) Created() bool { return r.created }

// Do runs f on a thread that is inside the router's namespace. The namespace of a VRF is the
// daemon's own; Configure moves an interface that f creates there into the VRF. What f starts on
// other goroutines runs elsewhere (package netns).
//
// Errors name the router. After the router was deleted or the manager was closed, they wrap
// os.ErrClosed.
func (r *Router) Do(f func() error) error {
	if err := netns.Run(r.enter, f); err != nil {
		return fmt.Errorf("VR %s: %w", r.Name(), err)
	}
	return nil
}

// IsUp reports whether an interface is set up. The error for a missing interface wraps
// os.ErrNotExist.
func (r *Router) IsUp(ifname string) (up bool, err error) {
	err = r.Do(func() error {
		link, err := netlink.LinkByName(ifname)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			err = os.ErrNotExist
		}
		if err != nil {
			return fmt.Errorf("interface %s: %w", ifname, err)
		}
		up = link.Attrs().RawFlags&unix.IFF_UP != 0
		return nil
	})
	return up, err
}

// enter moves the calling thread into the router's namespace.
func (r *Router) enter() error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.released {
		return fmt.Errorf("%s: %w", r.spec, os.ErrClosed)
	}
	return netns.Enter(r.place.namespace)
}

// release closes the router's namespace.
func (r *Router) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = true
	if r.unwatch != nil {
		r.unwatch()
	}
	if r.place.vrf == 0 { // otherwise it is the manager's own handle
		_ = r.place.namespace.Close() // of a descriptor that is only read: no error of interest
	}
}
