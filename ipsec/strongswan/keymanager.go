// Package strongswan makes strongSwan's daemon charon establish and rekey security associations
// (SAs) with peers, over its VICI socket.
//
// One goroutine of a [KeyManager] compares the wanted SAs with those of charon and the kernel every
// few seconds, and corrects the difference. A charon that restarts, another program that makes
// charon reload its configuration, and an operator who flushes the kernel's policies are therefore
// no special cases. Events of charon and the kernel only advance the next comparison. The package
// drops no packets: that is the floor's task.
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

// DefaultSocket is the VICI socket of Debian's strongSwan.
const DefaultSocket = "/var/run/charon.vici"

const (
	dialInterval    = time.Second      // between attempts to connect to charon
	compareInterval = 3 * time.Second  // between comparisons without an event
	settleTime      = time.Second      // for changes of the kernel that charon has begun
	patience        = 15 * time.Second // with an attempt that gets no answer
	loadTimeout     = 5 * time.Second  // of Set and Remove, for charon's answer

	// hintDelay is the time after which the side that does not start informs the other one that it
	// has lost its SAs. Before, the other side may be starting already.
	hintDelay = 10 * time.Second
)

// KeyManager makes charon manage the SAs with peers. It is safe for concurrent use.
type KeyManager struct {
	socket  string
	notify  func(ipsec.Event)
	kernel  kernel
	watcher *xfrmWatcher
	wake    chan struct{}
	closing chan struct{}
	ended   sync.WaitGroup

	mu      sync.Mutex
	peers   map[string]*peer // by name, with those that are being removed
	session *session         // nil: charon does not answer
	version string
	err     error           // why charon does not answer
	tidy    []string        // names to be spared by a pending Tidy; nil: none is pending
	keys    map[string]bool // private keys that charon has from us, by charon's IDs
}

// New starts the goroutine of a KeyManager, which connects to charon once it runs. Policies and SAs
// are those of the network namespace of the calling thread. That goroutine calls notify for each
// event.
func New(socket string, notify func(ipsec.Event)) (*KeyManager, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_XFRM)
	if err != nil {
		return nil, err
	}
	m := &KeyManager{
		socket: cmp.Or(socket, DefaultSocket), notify: notify, kernel: kernel{handle},
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

// Set makes charon establish and keep SAs with a peer. If charon answers, Set waits up to 5 s for
// it to load the configuration, and returns its refusal. Otherwise charon gets the configuration
// once it answers.
func (m *KeyManager) Set(p ipsec.Peer) error {
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
	answers := m.session != nil
	m.mu.Unlock()
	m.compareNow()
	if answers {
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

// Remove makes charon end the SAs with a peer and unload its configuration. If charon answers,
// Remove waits up to 5 s for that. Otherwise it happens once charon answers.
func (m *KeyManager) Remove(name string) {
	done := make(chan struct{})
	m.mu.Lock()
	x, answers := m.peers[name], m.session != nil
	if x != nil {
		x.removed = true
		x.waiting = append(x.waiting, done)
	}
	m.mu.Unlock()
	if x == nil || !answers {
		return
	}
	m.compareNow()
	select {
	case <-done:
	case <-time.After(loadTimeout):
	case <-m.closing:
	}
}

// Reconnect makes charon end the SAs with a peer and establish new ones. It does not wait for them.
func (m *KeyManager) Reconnect(name string) error {
	m.mu.Lock()
	x, err := m.peers[name], m.err
	protected := x != nil && !x.removed
	if protected {
		x.restart = true
	}
	m.mu.Unlock()
	if !protected {
		return fmt.Errorf("peer %s is not protected", name)
	}
	m.compareNow()
	return err
}

// Tidy makes charon end the SAs and unload the configuration that earlier runs have left, except
// for peers that are set now and those of these names. It does not wait; if charon does not answer,
// it happens once charon does.
func (m *KeyManager) Tidy(names []string) {
	m.mu.Lock()
	m.tidy = append([]string{}, names...)
	m.mu.Unlock()
	m.compareNow()
}

// Close makes charon end all our SAs and unload our configuration.
func (m *KeyManager) Close() error {
	close(m.closing)
	m.ended.Wait()
	m.kernel.handle.Close()
	return m.watcher.Close()
}

// compareNow makes the goroutine compare without delay.
func (m *KeyManager) compareNow() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
