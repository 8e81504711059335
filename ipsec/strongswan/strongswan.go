// Package strongswan has strongSwan's charon make and keep security associations with peers, over
// its VICI socket.
//
// One goroutine compares again and again what is wanted with what charon and the kernel have, and
// acts: so a charon that is restarted, another program that has charon reload all its
// configuration, and somebody who flushes the kernel's policies are no special cases. Events only
// make it look sooner.
package strongswan

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// DefaultSocket is where Debian's strongSwan listens.
const DefaultSocket = "/var/run/charon.vici"

// How often, and how long.
const (
	dialInterval = time.Second      // of asking whether charon is there
	lookInterval = 3 * time.Second  // of comparing when nothing is heard
	settleTime   = time.Second      // for what charon is changing in the kernel just now
	patience     = 15 * time.Second // with an attempt that gets no answer
	hintDelay    = 10 * time.Second // before a side that does not start tells the other that it has lost its SAs: that may be asking already
	loadTimeout  = 5 * time.Second  // of Set for charon
)

// Manager is charon as the manager of our SAs. It is safe for concurrent use.
type Manager struct {
	socket  string
	tell    func(ipsec.Event)
	kernel  kernel
	watcher *xfrmWatcher
	wake    chan struct{}
	closing chan struct{}
	ended   sync.WaitGroup

	mu      sync.Mutex
	peers   map[string]*peer // by name; those that are being removed too
	session *session         // nil: charon is not there
	version string
	err     error           // why it is not
	tidy    []string        // what charon has for others than these and peers is to be removed; nil: nothing is
	keys    map[string]bool // private keys that charon has from us, by its name of them
}

// New begins to look for charon. The kernel's policies and associations are those of the namespace
// of the calling thread. Tell is called for each event, by one goroutine.
func New(socket string, tell func(ipsec.Event)) (*Manager, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_XFRM)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		socket: cmp.Or(socket, DefaultSocket), tell: tell, kernel: kernel{handle},
		wake: make(chan struct{}, 1), closing: make(chan struct{}),
		peers: map[string]*peer{}, keys: map[string]bool{},
	}
	if m.watcher, err = watchXFRM(); err != nil {
		handle.Close()
		return nil, err
	}
	m.ended.Go(m.run)
	return m, nil
}

// Set has charon keep SAs with a peer. If charon is there Set waits until it has taken the
// configuration, and returns its refusal.
func (m *Manager) Set(p ipsec.Peer) error {
	if err := check(p); err != nil {
		return err
	}
	done := make(chan struct{})
	m.mu.Lock()
	x := m.peers[p.Name]
	switch {
	case x == nil:
		x = &peer{stale: true}
		m.peers[p.Name] = x
	case x.removed:
		x.stale = true
	case !sameSAs(x.want, p):
		x.restart = true
	}
	x.want, x.loaded, x.refused, x.removed = p, false, nil, false
	x.version++
	x.waiting = append(x.waiting, done)
	there := m.session != nil
	m.mu.Unlock()
	m.look()
	if there {
		select {
		case <-done:
		case <-time.After(loadTimeout):
		case <-m.closing:
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return x.refused
}

// Remove ends the SAs with a peer and has charon forget it. Where charon is there it waits for
// that, else it is done when charon is.
func (m *Manager) Remove(name string) {
	done := make(chan struct{})
	m.mu.Lock()
	x, there := m.peers[name], m.session != nil
	if x != nil {
		x.removed = true
		x.waiting = append(x.waiting, done)
	}
	m.mu.Unlock()
	if x == nil || !there {
		return
	}
	m.look()
	select {
	case <-done:
	case <-time.After(loadTimeout):
	case <-m.closing:
	}
}

// Reconnect ends the SAs with a peer, and begins anew.
func (m *Manager) Reconnect(name string) error {
	m.mu.Lock()
	x, err := m.peers[name], m.err
	protected := x != nil && !x.removed
	if protected {
		x.restart = true
	}
	m.mu.Unlock()
	if !protected {
		return fmt.Errorf("%s is not protected", name)
	}
	m.look()
	return err
}

// Tidy has charon forget what earlier runs have left of peers that are neither ours now nor will
// be, as those of these names. If charon is not there it is done when charon is.
func (m *Manager) Tidy(names []string) {
	m.mu.Lock()
	m.tidy = append([]string{}, names...)
	m.mu.Unlock()
	m.look()
}

// Close ends all SAs and has charon forget all of ours.
func (m *Manager) Close() error {
	close(m.closing)
	m.ended.Wait()
	m.kernel.handle.Close()
	return m.watcher.Close()
}

// look makes the goroutine compare now.
func (m *Manager) look() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
