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

// fakeGuard is a guard that notes what it is asked, and whose security associations the test makes.
type fakeGuard struct {
	mu      sync.Mutex
	refused error         // why it does not protect; nil: it does
	block   chan struct{} // what Protect waits for; nil: nothing
	peers   map[string]ipsec.Peer
	status  ipsec.Status
	calls   []string      // in order, but for Status
	tried   []time.Time   // when Protect was called
	closing func()        // called by Close; nil: nothing
	renew   func() error  // called by Reconnect; nil: nothing
	slow    time.Duration // what Status takes
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

// set changes what the guard does and tells.
func (g *fakeGuard) set(change func(*fakeGuard)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// protects reports whether the floor stands under a flow.
func (g *fakeGuard) protects(local, remote netip.AddrPort) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(slices.Collect(maps.Values(g.peers)), func(p ipsec.Peer) bool {
		f := p.Flow
		return netip.AddrPortFrom(f.Local, f.LocalPort) == local && netip.AddrPortFrom(f.Remote, f.RemotePort) == remote
	})
}

// shield is IPsec between two PEs: from then on protected packets pass.
type shield struct {
	n  *network
	mu sync.Mutex
	up bool
}

// shieldBetween has no protected packet pass until the shield is raised.
func shieldBetween(n *network) *shield {
	s := &shield{n: n}
	n.passes = func(from, to netip.AddrPort) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.up || from.Port() != 1701 && to.Port() != 1701
	}
	return s
}

// raise makes or ends the security associations, which both daemons are told of.
func (s *shield) raise(up bool, pes ...*pe) {
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
