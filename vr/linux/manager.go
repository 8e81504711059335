// Package linux creates and configures virtual routers on Linux, as package vr describes them.
//
// A virtual router is a named network namespace or a VRF. A Manager opens or creates the ones that
// are asked for (Ensure), puts customer interfaces into them (Attach), reports when one is deleted
// by another process, and removes what it created (Release, Close). A Router runs functions inside
// its namespace (Do) and configures the interfaces of links (Configure).
//
// The namespaces are those of ip-netns(8), so the operator can list and create them with
// `ip netns`, and VRFs with `ip link`. The package knows no protocol and no data plane.
package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/internal/netns"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Directory is where the named network namespaces are.
const Directory = "/run/netns"

// Manager holds all virtual routers of the daemon. It is safe for concurrent use.
type Manager struct {
	deleted func(*Router)
	turned  func(r *Router, ifname string, up bool)
	home    netns.Handle // where the daemon lives: threads return to it
	vrfs    *vrfs
	watcher *fsnotify.Watcher
	watched sync.WaitGroup
	done    chan struct{} // closed by Close

	mu       sync.Mutex
	closed   bool
	watching bool                 // for changes of VRFs
	routers  map[vr.Spec]*Router  // those held
	opening  sync.WaitGroup       // calls of Ensure that open one; none begins after closed is set
	created  map[vr.Spec]identity // what we made, as long as it is there

	watches watches
	making  sync.Map // of *sync.Mutex by Spec, before mu: a router is opened, made and released by one at a time

	attaching    sync.Mutex // before mu
	attachments  map[vr.Spec]*attachments
	watchingHome bool // for interfaces that belong into a router
}

// kind finds and makes virtual routers of one kind.
type kind interface {
	stat(vr.Spec) (identity, error) // os.ErrNotExist if there is none
	open(vr.Spec) (place, error)    // os.ErrNotExist if there is none
	create(vr.Spec) (place, error)
	remove(vr.Spec) error
}

// place is what a Spec names.
type place struct {
	id        identity
	namespace netns.Handle
	vrf       int // index of the VRF device; 0: the namespace is the virtual router
}

// identity tells a place from all others, as long as it is there: for a namespace by its file, for
// a VRF by its index.
type identity struct{ dev, ino uint64 }

// NewManager makes a manager without virtual routers. VRFs are those of the calling thread's
// network namespace.
//
// deleted is told of each router that was deleted, or replaced by another of the same name, behind
// our back. The manager has let go of its namespace by then; the kernel frees it when nothing else
// holds it, so interfaces that were opened inside (a TUN holds its namespace) have to be closed.
// deleted is called from a goroutine of the manager or from within Ensure; it must neither block
// nor call the manager. Not told: what Close removes.
//
// turned is told of each interface in a virtual router that is there, and when it is set up or
// down, by whomever: what it was by the time of the call may be past. It is called from goroutines
// of the manager, must neither block nor call the manager, and may be called with a router that
// deleted was told of.
func NewManager(deleted func(*Router), turned func(r *Router, ifname string, up bool)) (*Manager, error) {
	if err := os.MkdirAll(Directory, 0o755); err != nil {
		return nil, fmt.Errorf("virtual routers: %w", err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", Directory, err)
	}
	if err := watcher.Add(Directory); err != nil {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", Directory, err), watcher.Close())
	}
	home, err := netns.Current()
	if err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	vrfs, err := newVRFs(home)
	if err != nil {
		return nil, errors.Join(err, home.Close(), watcher.Close())
	}
	m := &Manager{
		deleted: deleted,
		turned:  turned,
		home:    home,
		vrfs:    vrfs,
		watcher: watcher,
		done:    make(chan struct{}),
		routers: make(map[vr.Spec]*Router),
		created: make(map[vr.Spec]identity),

		watches:     watches{of: make(map[identity]*watch)},
		attachments: make(map[vr.Spec]*attachments),
	}
	m.watched.Go(m.watch)
	return m, nil
}

func (m *Manager) kind(s vr.Spec) kind {
	if s.VRF != "" {
		return m.vrfs
	}
	return namespaces{}
}

// Ensure opens the virtual router, and creates it if there is none: a namespace with the loopback
// interface up, that forwards, or a VRF, which forwards as the host does. One that is there is left
// as it is. The same Router is returned as long as its namespace or VRF is there. Interfaces that
// belong into it, by Attach, are in it when Ensure returns.
func (m *Manager) Ensure(s vr.Spec) (*Router, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	r, lost, fresh, err := m.ensure(s)
	if lost != nil {
		m.deleted(lost)
	}
	if fresh {
		m.attachTo(r)
	}
	if err != nil {
		return nil, fmt.Errorf("VR %s: %w", s.Name(), err)
	}
	return r, nil
}

func (m *Manager) ensure(s vr.Spec) (r, lost *Router, fresh bool, err error) {
	defer m.alone(s)()
	m.mu.Lock()
	r, lost, err = m.held(s)
	if r != nil || err != nil {
		m.mu.Unlock()
		return r, lost, false, err
	}
	m.opening.Add(1)
	m.mu.Unlock()
	defer m.opening.Done()

	// Other routers are made meanwhile: a kernel takes its time for a namespace.
	kind, made := m.kind(s), false
	at, err := kind.open(s)
	if errors.Is(err, os.ErrNotExist) {
		at, err = kind.create(s)
		made = err == nil
	}
	if err == nil {
		r = &Router{spec: s, place: at}
		if s.NetNS != "" {
			if err = m.watchNamespace(r); err != nil {
				r.release()
			}
		}
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	if made {
		m.created[s] = at.id
	}
	if err != nil {
		return nil, lost, false, err
	}
	r.created = m.created[s] == at.id
	m.routers[s] = r
	return r, lost, true, nil
}

// alone waits until nobody else opens, makes or releases the router of that Spec, and keeps others
// from it until the call of what it returns.
func (m *Manager) alone(s vr.Spec) (over func()) {
	of, _ := m.making.LoadOrStore(s, new(sync.Mutex))
	mu := of.(*sync.Mutex)
	mu.Lock()
	return mu.Unlock
}

// held is the router of that Spec, if it is held still, and the one that was, if it is lost.
func (m *Manager) held(s vr.Spec) (r, lost *Router, err error) {
	if m.closed {
		return nil, nil, os.ErrClosed
	}
	if s.VRF != "" && !m.watching {
		if err := m.watchVRFs(); err != nil {
			return nil, nil, err
		}
		m.watching = true
	}
	lost = m.letGoIfLost(s)
	return m.routers[s], lost, nil
}

// letGoIfLost lets go of a router if what it is in is no longer what its Spec names, and returns it
// then.
func (m *Manager) letGoIfLost(s vr.Spec) *Router {
	id, err := m.kind(s).stat(s)
	if err != nil || id != m.created[s] {
		delete(m.created, s)
	}
	r := m.routers[s]
	if r == nil || err == nil && id == r.place.id {
		return nil
	}
	delete(m.routers, s)
	r.release()
	return r
}

// watch looks at a namespace whenever something happened to its file.
func (m *Manager) watch() {
	for {
		select {
		case event, ok := <-m.watcher.Events:
			if !ok {
				return
			}
			m.look(func(r *Router) bool { return r.spec.NetNS == filepath.Base(event.Name) })
		case _, ok := <-m.watcher.Errors: // events were lost: look at all
			if !ok {
				return
			}
			m.look(func(r *Router) bool { return r.spec.NetNS != "" })
		}
	}
}

// watchVRFs tells of the interfaces in VRFs, and looks at a VRF whenever something happened to it.
func (m *Manager) watchVRFs() error {
	known := switches{}
	return watchLinks(m.home, m.done, m.watched.Go, func(u netlink.LinkUpdate) {
		m.look(func(r *Router) bool { return r.place.vrf == int(u.Index) })
		if up, turned := known.turned(u); turned {
			if r := m.vrf(u.Attrs().MasterIndex); r != nil {
				m.turned(r, u.Attrs().Name, up)
			}
		}
	}, func() {
		m.look(func(r *Router) bool { return r.spec.VRF != "" })
	})
}

// vrf is the router whose VRF device has that index, or nil.
func (m *Manager) vrf(index int) *Router {
	if index == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.routers {
		if r.place.vrf == index {
			return r
		}
	}
	return nil
}

// look lets go of those of the routers that are lost, and tells of them.
func (m *Manager) look(at func(*Router) bool) {
	var lost []*Router
	m.mu.Lock()
	for s, r := range m.routers {
		if !m.closed && at(r) && m.letGoIfLost(s) != nil {
			lost = append(lost, r)
		}
	}
	m.mu.Unlock()
	for _, r := range lost {
		m.deleted(r)
	}
}

// Release lets go of a virtual router, and removes it if Ensure has created it. What Attach has put
// there is given back. Nothing of it is told. No interface that is somebody's may be in there any
// more.
func (m *Manager) Release(s vr.Spec) error {
	defer m.alone(s)()
	m.attaching.Lock()
	var err error
	if of := m.attachments[s]; of != nil {
		delete(m.attachments, s)
		err = m.giveBack(s, of, nil)
	}
	m.attaching.Unlock()

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.Join(err, os.ErrClosed)
	}
	if r := m.routers[s]; r != nil {
		delete(m.routers, s)
		r.release()
	}
	return errors.Join(err, m.removeCreated(s))
}

// removeCreated removes what we have created, if it is there still.
func (m *Manager) removeCreated(s vr.Spec) error {
	id, created := m.created[s]
	delete(m.created, s)
	kind := m.kind(s)
	if now, err := kind.stat(s); !created || err != nil || now != id {
		return nil
	}
	return kind.remove(s)
}

// Close gives back what Attach has put into routers, removes what Ensure created, leaves what it
// found, and lets go of all.
func (m *Manager) Close() error {
	err := m.detachAll()
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return err
	}
	m.closed = true
	m.mu.Unlock()
	m.opening.Wait()

	m.mu.Lock()
	close(m.done)
	for _, r := range m.routers {
		r.release()
	}
	m.mu.Unlock()
	err = errors.Join(err, m.watcher.Close())
	m.watched.Wait()

	for s := range m.created {
		err = errors.Join(err, m.removeCreated(s))
	}
	m.vrfs.close()
	return errors.Join(err, m.home.Close())
}
