// Package vr gives virtual routers: named network namespaces, the interfaces of virtual links inside them, and what
// those interfaces carry. The namespaces are those of ip-netns(8), so the operator sees and may make them with `ip netns`.
package vr

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Directory is where the named network namespaces are.
const Directory = "/run/netns"

// Manager holds all virtual routers of the daemon. It is safe for concurrent use.
type Manager struct {
	deleted func(*Router)
	home    namespace // where the daemon lives: threads return to it
	watcher *fsnotify.Watcher
	watched sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	routers map[string]*Router // those held
	created map[string]fileID  // namespaces that we made, as long as they are there
}

// NewManager makes a manager without virtual routers.
//
// deleted is told of each router whose namespace was deleted, or replaced by another of the same name, behind our back.
// The manager has let go of the namespace by then; the kernel frees it when nothing else holds it, so interfaces that
// were opened inside (a TUN holds its namespace) have to be closed. deleted is called from a goroutine of the manager or
// from within Ensure; it must neither block nor call the manager. Not told: what Close removes.
func NewManager(deleted func(*Router)) (*Manager, error) {
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
	home, err := openNamespace("/proc/thread-self/ns/net")
	if err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	m := &Manager{
		deleted: deleted,
		home:    home,
		watcher: watcher,
		routers: make(map[string]*Router),
		created: make(map[string]fileID),
	}
	m.watched.Go(m.watch)
	return m, nil
}

// Ensure opens the virtual router of that name, and creates its namespace, with the loopback interface up, if there is
// none. The same Router is returned as long as its namespace is there.
func (m *Manager) Ensure(name string) (*Router, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	r, lost, err := m.ensure(name)
	if lost != nil {
		m.deleted(lost)
	}
	if err != nil {
		return nil, fmt.Errorf("VR %s: %w", name, err)
	}
	return r, nil
}

func (m *Manager) ensure(name string) (r, lost *Router, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, nil, os.ErrClosed
	}
	lost = m.letGoIfLost(name)
	if r := m.routers[name]; r != nil {
		return r, lost, nil
	}
	ns, err := openNamespace(filepath.Join(Directory, name))
	if errors.Is(err, os.ErrNotExist) {
		if ns, err = createNamespace(name, m.home); err == nil {
			m.created[name] = ns.id
		}
	}
	if err != nil {
		return nil, lost, err
	}
	r = &Router{name: name, created: m.created[name] == ns.id, home: m.home, ns: ns}
	m.routers[name] = r
	return r, lost, nil
}

// letGoIfLost lets go of the router of that name if its namespace is no longer the one of that name, and returns it then.
func (m *Manager) letGoIfLost(name string) *Router {
	id, err := statFile(filepath.Join(Directory, name))
	if err != nil || id != m.created[name] {
		delete(m.created, name)
	}
	r := m.routers[name]
	if r == nil || err == nil && id == r.ns.id {
		return nil
	}
	delete(m.routers, name)
	r.release()
	return r
}

// watch looks at a namespace whenever something happened to its file.
func (m *Manager) watch() {
	for {
		var names []string
		select {
		case event, ok := <-m.watcher.Events:
			if !ok {
				return
			}
			names = []string{filepath.Base(event.Name)}
		case _, ok := <-m.watcher.Errors: // events were lost: look at all
			if !ok {
				return
			}
			m.mu.Lock()
			names = slices.Collect(maps.Keys(m.routers))
			m.mu.Unlock()
		}
		for _, name := range names {
			m.mu.Lock()
			lost := m.letGoIfLost(name)
			m.mu.Unlock()
			if lost != nil {
				m.deleted(lost)
			}
		}
	}
}

// Close removes the namespaces that Ensure created, leaves those that it found, and lets go of all.
func (m *Manager) Close() error {
	err := m.watcher.Close()
	m.watched.Wait()

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	for _, r := range m.routers {
		r.release()
	}
	for name, id := range m.created {
		path := filepath.Join(Directory, name)
		if now, statErr := statFile(path); statErr == nil && now == id {
			err = errors.Join(err, removeNamespace(path))
		}
	}
	m.home.close()
	return err
}

// checkName refuses what cannot be the name of a file in Directory.
func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("VR %q: want the name of a network namespace: 1 to 255 octets without a slash, neither . nor .. itself", name)
	}
	return nil
}
