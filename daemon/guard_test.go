package daemon

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// fakeGuard is a guard that records its calls. The test sets its security associations.
type fakeGuard struct {
	mu      sync.Mutex
	refused error         // the error of Protect; nil: it succeeds
	block   chan struct{} // Protect waits for it; nil: it does not wait
	peers   map[string]ipsec.Peer
	status  ipsec.Status
	calls   []string      // in order, except Status
	tried   []time.Time   // when Protect was called
	closing func()        // called by Close; nil: nothing
	renew   func() error  // called by Reconnect; nil: nothing
	slow    time.Duration // how long Status takes
}

func newFakeGuard() *fakeGuard {
	return &fakeGuard{peers: make(map[string]ipsec.Peer), status: ipsec.Status{KeyManager: "fake"}}
}

func (g *fakeGuard) Protect(p ipsec.Peer) error {
	g.mu.Lock()
	block := g.block
	g.tried = append(g.tried, time.Now())
	g.mu.Unlock()
	if block != nil {
		<-block
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, "protect "+p.Name)
	if g.refused != nil {
		return g.refused
	}
	g.peers[p.Name] = p
	g.status.Floor = true
	return nil
}

func (g *fakeGuard) note(call string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, call)
	return nil
}

func (g *fakeGuard) Release(name string) error { return g.note("release " + name) }
func (g *fakeGuard) Tidy(names []string) error { return g.note("tidy " + strings.Join(names, " ")) }

func (g *fakeGuard) Reconnect(name string) error {
	if g.renew != nil {
		if err := g.renew(); err != nil {
			return err
		}
	}
	return g.note("reconnect " + name)
}

func (g *fakeGuard) Close() error {
	if g.closing != nil {
		g.closing()
	}
	return g.note("close")
}

func (g *fakeGuard) Status(string) ipsec.Status {
	g.mu.Lock()
	slow := g.slow
	g.mu.Unlock()
	time.Sleep(slow)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status
}

// set changes the guard under its lock.
func (g *fakeGuard) set(change func(*fakeGuard)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// protects reports whether the floor for a flow is in place.
func (g *fakeGuard) protects(local, remote netip.AddrPort) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(slices.Collect(maps.Values(g.peers)), func(p ipsec.Peer) bool {
		f := p.Flow
		return netip.AddrPortFrom(f.Local, f.LocalPort) == local && netip.AddrPortFrom(f.Remote, f.RemotePort) == remote
	})
}

// fakeIPsec is IPsec between two PEs: protected packets pass while it is up.
type fakeIPsec struct {
	n  *network
	mu sync.Mutex
	up bool
}

// ipsecBetween returns IPsec that is down: the network drops protected packets.
func ipsecBetween(n *network) *fakeIPsec {
	s := &fakeIPsec{n: n}
	n.passes = func(from, to netip.AddrPort) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.up || from.Port() != 1701 && to.Port() != 1701
	}
	return s
}

// set establishes or ends the security associations, and notifies the daemons.
func (s *fakeIPsec) set(up bool, pes ...*pe) {
	s.mu.Lock()
	s.up = up
	s.mu.Unlock()
	for _, p := range pes {
		ike, esp := ipsec.IKEDown, ipsec.ChildDown
		p.guard.set(func(g *fakeGuard) {
			g.status.IKE, g.status.Children = nil, nil
			if up {
				ike, esp = ipsec.IKEUp, ipsec.ChildUp
				g.status.IKE = &ipsec.IKESA{State: "ESTABLISHED", Established: time.Now()}
				g.status.Children = []ipsec.ChildSA{{State: "INSTALLED", Algorithms: "aes256gcm16", Installed: time.Now()}}
			}
		})
		p.guardEvent(ipsec.Event{Peer: p.cfg().Peers[0].Name, Kind: ike, Text: "IKE"})
		p.guardEvent(ipsec.Event{Peer: p.cfg().Peers[0].Name, Kind: esp, Text: "ESP"})
	}
}
