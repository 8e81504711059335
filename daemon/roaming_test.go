package daemon

import (
	"bytes"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// RFC 3931 section 4.1.2.2: a peer picks the port that it calls or answers from.

var (
	pe2      = netip.MustParseAddrPort("192.0.2.2:1702")
	pe2else  = netip.MustParseAddrPort("192.0.2.2:4711")
	pe2else2 = netip.MustParseAddrPort("192.0.2.2:4712")
)

// as makes the daemon anew with another configuration of its peer.
func (p *pe) as(n *network, change func(*config.Peer)) {
	change(&p.cfg().Peers[0])
	p.remake()
}

// leadsTo fails the test unless all is well, over one tunnel, to that address.
func (p *pe) leadsTo(t *testing.T, want netip.AddrPort) {
	t.Helper()
	p.isUp(t)
	if got := p.plane.newest().cfg.Peer; got != want {
		t.Errorf("the tunnel of %s leads to %v, want %v", p.cfg().Local.HostName, got, want)
	}
	if _, open, sessions := p.plane.count(); open != 1 || sessions != 1 {
		t.Errorf("%s has %d tunnels and %d sessions, want one", p.cfg().Local.HostName, open, sessions)
	}
}

func TestPeerSendsFromAnotherPort(t *testing.T) {
	for _, roles := range [][2]config.Role{
		{config.RolePassive, config.RoleActive}, // it calls from there
		{config.RoleActive, config.RolePassive}, // it answers from there
		{config.RoleBoth, config.RoleBoth},
	} {
		t.Run(string(roles[0]+" and "+roles[1]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, a, b := twoPEs("red")
				n.translate(pe2, pe2else)
				a.as(n, func(peer *config.Peer) { peer.Role = roles[0] })
				b.as(n, func(peer *config.Peer) { peer.Role = roles[1] })
				a.start(t)
				b.start(t)
				pass(30 * time.Second)
				a.leadsTo(t, pe2else)
				b.leadsTo(t, a.localAddrPort())
				if a.said("link down") != 0 {
					t.Error("the link went down on the way")
				}
			})
		})
	}
}

// The peer has restarted, and a NAT gives it another port: its call is answered there, and the path
// follows once the new connection is established, long before the old one is found dead.
func TestPeerComesBackFromAnotherPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		a.as(n, func(peer *config.Peer) { peer.Role = config.RolePassive })
		n.translate(pe2, pe2else)
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.leadsTo(t, pe2else)

		n.setCut(true)
		b.stop()
		n.setCut(false)
		n.translate(pe2, pe2else2)
		again := newPE(n, "pe2", "192.0.2.2", "pe1", "192.0.2.1", "red")
		again.start(t)
		pass(10 * time.Second)
		a.leadsTo(t, pe2else2)

		// Gone for good, it is called where it listens.
		n.setCut(true)
		again.stop()
		a.stop()
	})
}

// When the peer is gone from the other port, it is called at the one that is configured.
func TestCallGoesToTheConfiguredPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		n.translate(pe2, pe2else)
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.leadsTo(t, pe2else)
		n.setCut(true)
		pass(5 * time.Minute)
		if got := a.plane.newest().cfg.Peer; got != pe2 {
			t.Errorf("the tunnel leads to %v, want %v", got, pe2)
		}
		n.setCut(false)
		pass(time.Minute)
		a.leadsTo(t, pe2else)
	})
}

// calls keeps the SCCRQs that a daemon sends.
func calls(n *network, from netip.AddrPort) *[][]byte {
	var calls [][]byte
	n.seen = func(message []byte, sender, _ netip.AddrPort) {
		if id, ok := l2tp.PeekConnectionID(message); ok && id == 0 && sender == from {
			calls = append(calls, bytes.Clone(message))
		}
	}
	return &calls
}

// Whoever replays a call of the peer, even of a connection long past, from another port of its
// address gets an answer there and moves nothing.
func TestReplayedRequestMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		a.as(n, func(peer *config.Peer) { peer.Role = config.RolePassive })
		calls := calls(n, pe2)
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		n.setCut(true)
		pass(5 * time.Minute)
		n.setCut(false)
		pass(time.Minute)
		a.leadsTo(t, pe2)
		downs := a.said("link down")

		n.mu.Lock()
		first, last := (*calls)[0], (*calls)[len(*calls)-1]
		n.mu.Unlock()
		a.listener.Receive(last, pe2else)
		pass(time.Minute)
		a.leadsTo(t, pe2) // only acknowledged once more
		a.listener.Receive(first, pe2else)
		synctest.Wait()
		if got := a.plane.newest().cfg.Peer; got != pe2else {
			t.Errorf("the call is answered at %v, want %v", got, pe2else)
		}
		pass(5 * time.Minute)
		a.isUp(t)
		if v := a.look(t); a.said("link down") != downs || v.Path.Err != nil {
			t.Error("the link went down")
		}
		if a.loops()[0].path.peer != pe2 {
			t.Errorf("the path leads to %v, want %v", a.loops()[0].path.peer, pe2)
		}
	})
}

// A forged call costs a look at its digest, and no socket.
func TestForgedCallOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		calls := calls(n, pe2)
		a.as(n, func(peer *config.Peer) { peer.Role = config.RolePassive })
		n.setCut(true)
		a.start(t)
		b.start(t)
		pass(time.Second)
		n.mu.Lock()
		forged := bytes.Clone((*calls)[0])
		n.mu.Unlock()
		forged[len(forged)-1] ^= 1
		for range 100 {
			a.listener.Receive(forged, pe2else)
		}
		pass(time.Second)
		if opened, _, _ := a.plane.count(); opened != 1 {
			t.Errorf("%d tunnels were opened, want the one to the peer", opened)
		}
		if a.look(t).Control.RefusedAuth.IsZero() {
			t.Error("nothing was found wrong with the forged call")
		}
		b.stop()
		a.stop()
	})
}

// Without a secret the sender's address is all there is: nothing from another port touches a
// connection that is established.
func TestWithoutASecretAnEstablishedConnectionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		for _, p := range []*pe{a, b} {
			p.as(n, func(peer *config.Peer) { peer.Secret = nil })
		}
		n.translate(pe2, pe2else)
		calls := calls(n, pe2)
		a.start(t)
		b.start(t)
		pass(time.Minute)
		a.leadsTo(t, pe2else) // while it was half open

		n.mu.Lock()
		call := bytes.Clone((*calls)[0])
		n.mu.Unlock()
		a.listener.Receive(call, pe2else2)
		pass(time.Second)
		a.leadsTo(t, pe2else)
		if n := a.loops()[0].foreignPort.Load(); n != 1 {
			t.Errorf("%d messages from a foreign port, want 1", n)
		}
	})
}
