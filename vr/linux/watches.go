package linux

import (
	"fmt"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// watches are of namespaces, one of each, however many names it has and so routers are in it: the
// kernel tells each socket of all that becomes of any interface.
type watches struct {
	mu sync.Mutex
	of map[identity]*watch
}

// watch tells the routers in one namespace of its interfaces.
type watch struct {
	start func() error // has effect once
	done  chan struct{}
	users int // guarded by watches.mu

	mu      sync.Mutex
	routers []*Router
	known   switches
}

// watchNamespace tells of the interfaces in the router's namespace until it is released.
func (m *Manager) watchNamespace(r *Router) error {
	w := m.use(r.place)
	if err := w.start(); err != nil {
		m.leave(r.place.id, w)
		return err
	}
	r.unwatch = func() {
		w.remove(r)
		m.leave(r.place.id, w)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routers = append(w.routers, r)
	for _, state := range w.known {
		m.turned(r, state.name, state.up)
	}
	return nil
}

// use is the watch of a namespace, with one user more.
func (m *Manager) use(at place) *watch {
	m.watches.mu.Lock()
	defer m.watches.mu.Unlock()
	w := m.watches.of[at.id]
	if w == nil {
		w = &watch{done: make(chan struct{}), known: switches{}}
		w.start = sync.OnceValue(func() error { return m.begin(w, at.namespace) })
		m.watches.of[at.id] = w
	}
	w.users++
	return w
}

// leave ends the watch after its last user.
func (m *Manager) leave(id identity, w *watch) {
	m.watches.mu.Lock()
	defer m.watches.mu.Unlock()
	if w.users--; w.users == 0 {
		delete(m.watches.of, id)
		close(w.done)
	}
}

// begin begins to watch.
func (m *Manager) begin(w *watch, of netns.Handle) error {
	// Of its own, as the router that began may go before others.
	ns, err := netns.Duplicate(of)
	if err != nil {
		return fmt.Errorf("watch for changes of interfaces: %w", err)
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
		if up, turned := w.known.turned(u); turned {
			for _, r := range w.routers {
				m.turned(r, u.Attrs().Name, up)
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
