// Package linux creates and configures virtual routers on Linux, as package vr describes them.
//
// A virtual router is a named network namespace or a VRF. A Manager opens or creates the ones that
// are requested (Ensure), moves customer interfaces into them (Attach), reports when one is deleted
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

// Directory contains the named network namespaces.
const Directory = "/run/netns"

// Manager opens, creates and removes the virtual routers of the daemon. It is safe for concurrent
// use.
//
// Its mutexes are locked in this order: making, attaching, mu.
type Manager struct {
	deleted  func(*Router)
	switched func(r *Router, ifname string, up bool)
	home     netns.Handle // the daemon's own namespace
	vrfs     *vrfs
	watcher  *fsnotify.Watcher
	watched  sync.WaitGroup
	done     chan struct{} // closed by Close

	mu       sync.Mutex
	closed   bool
	watching bool                 // for changes of VRFs
	routers  map[vr.Spec]*Router  // the open ones
	opening  sync.WaitGroup       // calls of Ensure that open one; none starts after closed is set
	created  map[vr.Spec]identity // created by the manager and not yet deleted

	watches watches
	making  sync.Map // a *sync.Mutex by Spec: one caller at a time opens or releases a router

	attaching    sync.Mutex
	attachments  map[vr.Spec]*attachments
	watchingHome bool // for interfaces that belong into a router
}

// kind finds and creates virtual routers of one kind. The error of stat and open for a missing one
// is os.ErrNotExist.
type kind interface {
	stat(vr.Spec) (identity, error)
	open(vr.Spec) (place, error)
	create(vr.Spec) (place, error)
	remove(vr.Spec) error
}

// place is the namespace, and the VRF in it, that a Spec names.
type place struct {
	id        identity
	namespace netns.Handle
	vrf       int // index of the VRF device; 0: the namespace is the virtual router
}

// identity distinguishes a place from all others while it exists: a namespace by its file, a VRF by
// its index.
type identity struct{ dev, ino uint64 }

// NewManager returns a manager without virtual routers. VRFs are those of the calling thread's
// network namespace.
//
// The manager calls deleted for each router that another process deleted, or replaced by another of
// the same name; not for those that Close removes. It has closed the router's namespace by then.
// The kernel deletes the namespace when nothing else has it open, so interfaces that were opened
// inside must be closed (a TUN device keeps its namespace open). deleted is called from a goroutine
// of the manager or from within Ensure; it must neither block nor call the manager.
//
// The manager calls switched for each interface that it finds in a virtual router, and whenever an
// interface is set up or down, by any process. The state may have changed again by then. switched
// is called from goroutines of the manager, must neither block nor call the manager, and may be
// called for a router after deleted was.
func NewManager(deleted func(*Router), switched func(r *Router, ifname string, up bool)) (*Manager, error) {
	if err := os.MkdirAll(Directory, 0o755); err != nil {
		return nil, fmt.Errorf("create the directory of network namespaces: %w", err)
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
		deleted:  deleted,
		switched: switched,
		home:     home,
		vrfs:     vrfs,
		watcher:  watcher,
		done:     make(chan struct{}),
		routers:  make(map[vr.Spec]*Router),
		created:  make(map[vr.Spec]identity),

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

// Ensure opens a virtual router, and creates it if it is missing: a namespace with the loopback
// interface up, which forwards packets, or a VRF, which forwards as the host does. An existing one
// is not changed. Ensure returns the same Router while its namespace or VRF exists. When it
// returns, the interfaces that Attach listed are in the router.
func (m *Manager) Ensure(s vr.Spec) (*Router, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	r, lost, opened, err := m.ensure(s)
	if lost != nil {
		m.deleted(lost)
	}
	if opened {
		m.attachAll(r)
	}
	if err != nil {
		return nil, fmt.Errorf("VR %s: %w", s.Name(), err)
	}
	return r, nil
}

// ensure is Ensure without attachments. It also returns the router of that Spec that was deleted,
// if any, and whether r was opened by this call.
func (m *Manager) ensure(s vr.Spec) (r, lost *Router, opened bool, err error) {
	defer m.lockSpec(s)()
	m.mu.Lock()
	r, lost, err = m.find(s)
	if r != nil || err != nil {
		m.mu.Unlock()
		return r, lost, false, err
	}
	m.opening.Add(1)
	m.mu.Unlock()
	defer m.opening.Done()

	// Without m.mu: other routers are created at the same time, because the kernel needs some time
	// for a namespace.
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

// lockSpec waits until no other call opens, creates or releases the router that s names, and keeps
// others from it until unlock is called.
func (m *Manager) lockSpec(s vr.Spec) (unlock func()) {
	of, _ := m.making.LoadOrStore(s, new(sync.Mutex))
	mu := of.(*sync.Mutex)
	mu.Lock()
	return mu.Unlock
}

// find returns the open router that s names, or nil, and the one that was open before, if it was
// deleted. The caller holds m.mu.
func (m *Manager) find(s vr.Spec) (r, lost *Router, err error) {
	if m.closed {
		return nil, nil, os.ErrClosed
	}
	if s.VRF != "" && !m.watching {
		if err := m.watchVRFs(); err != nil {
			return nil, nil, err
		}
		m.watching = true
	}
	lost = m.releaseIfLost(s)
	return m.routers[s], lost, nil
}

// releaseIfLost releases and returns the router that s names if it was deleted or replaced. The
// caller holds m.mu.
func (m *Manager) releaseIfLost(s vr.Spec) *Router {
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

// watch checks a namespace whenever its file has changed.
func (m *Manager) watch() {
	for {
		select {
		case event, ok := <-m.watcher.Events:
			if !ok {
				return
			}
			m.checkLost(func(r *Router) bool { return r.spec.NetNS == filepath.Base(event.Name) })
		case _, ok := <-m.watcher.Errors: // events were lost: check all
			if !ok {
				return
			}
			m.checkLost(func(r *Router) bool { return r.spec.NetNS != "" })
		}
	}
}

// watchVRFs reports the interfaces in VRFs, and checks a VRF whenever it has changed.
func (m *Manager) watchVRFs() error {
	known := linkStates{}
	return watchLinks(m.home, m.done, m.watched.Go, func(u netlink.LinkUpdate) {
		m.checkLost(func(r *Router) bool { return r.place.vrf == int(u.Index) })
		if up, switched := known.update(u); switched {
			if r := m.vrf(u.Attrs().MasterIndex); r != nil {
				m.switched(r, u.Attrs().Name, up)
			}
		}
	}, func() {
		m.checkLost(func(r *Router) bool { return r.spec.VRF != "" })
	})
}

// vrf returns the router whose VRF device has an index, or nil.
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

// checkLost releases and reports the routers that were deleted or replaced, of those that match.
func (m *Manager) checkLost(match func(*Router) bool) {
	var lost []*Router
	m.mu.Lock()
	for s, r := range m.routers {
		if !m.closed && match(r) && m.releaseIfLost(s) != nil {
			lost = append(lost, r)
		}
	}
	m.mu.Unlock()
	for _, r := range lost {
		m.deleted(r)
	}
}

// Release closes a virtual router, and removes it if Ensure has created it. Interfaces that Attach
// moved there are moved back. It calls none of the callbacks. The caller must have removed all
// other interfaces from the router.
func (m *Manager) Release(s vr.Spec) error {
	defer m.lockSpec(s)()
	m.attaching.Lock()
	var err error
	if as := m.attachments[s]; as != nil {
		delete(m.attachments, s)
		err = m.detach(s, as, nil)
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

// removeCreated removes a router that the manager created, if it still exists.
func (m *Manager) removeCreated(s vr.Spec) error {
	id, created := m.created[s]
	delete(m.created, s)
	kind := m.kind(s)
	if now, err := kind.stat(s); !created || err != nil || now != id {
		return nil
	}
	return kind.remove(s)
}

// Close moves the interfaces of Attach back, closes all routers, and removes those that Ensure
// created. Those that Ensure found remain.
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
