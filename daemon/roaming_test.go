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

// RFC 3931, section 4.1.2.2: a peer chooses the port that it sends requests and answers from.

var (
	pe2       = netip.MustParseAddrPort("192.0.2.2:1702")
	pe2other  = netip.MustParseAddrPort("192.0.2.2:4711")
	pe2other2 = netip.MustParseAddrPort("192.0.2.2:4712")
)

// withPeer changes the configuration of the peer of a daemon that is not started.
func (p *pe) withPeer(change func(*config.Peer)) {
	change(&p.cfg().Peers[0])
	p.remake()
}

// wantPath fails the test unless all links are up, over one tunnel to that address.
func (p *pe) wantPath(t *testing.T, want netip.AddrPort) {
	t.Helper()
	p.isUp(t)
	if got := p.plane.newest().cfg.Peer; got != want {
		t.Errorf("tunnel of %s to %v, want %v", p.cfg().Local.HostName, got, want)
	}
	if _, open, sessions := p.plane.count(); open != 1 || sessions != 1 {
		t.Errorf("%s has %d tunnels and %d sessions, want one each", p.cfg().Local.HostName, open, sessions)
	}
}

func TestPeerSendsFromAnotherPort(t *testing.T) {
	for _, roles := range [][2]config.Role{
		{config.RolePassive, config.RoleActive}, // it requests from there
		{config.RoleActive, config.RolePassive}, // it answers from there
		{config.RoleBoth, config.RoleBoth},
	} {
		t.Run(string(roles[0]+" and "+roles[1]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, a, b := twoPEs("red")
				n.translate(pe2, pe2other)
				a.withPeer(func(peer *config.Peer) { peer.Role = roles[0] })
				b.withPeer(func(peer *config.Peer) { peer.Role = roles[1] })
				a.start(t)
				b.start(t)
				pass(30 * time.Second)
				a.wantPath(t, pe2other)
				b.wantPath(t, a.localAddrPort())
				if a.logged("link down") != 0 {
					t.Error("the link went down when the path moved")
				}
			})
		})
	}
}

// The peer has restarted, and a NAT assigns another port to it: its request is answered there, and
// the path moves once the new connection is established, long before the old one times out.
func TestPeerComesBackFromAnotherPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		a.withPeer(func(peer *config.Peer) { peer.Role = config.RolePassive })
		n.translate(pe2, pe2other)
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.wantPath(t, pe2other)

		n.setCut(true)
		b.stop()
		n.setCut(false)
		n.translate(pe2, pe2other2)
		again := newPE(n, "pe2", "192.0.2.2", "pe1", "192.0.2.1", "red")
		again.start(t)
		pass(10 * time.Second)
		a.wantPath(t, pe2other2)

		n.setCut(true)
		again.stop()
		a.stop()
	})
}

// When the peer is silent at the other port, requests are sent to the configured one.
func TestRequestToConfiguredPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		n.translate(pe2, pe2other)
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.wantPath(t, pe2other)
		n.setCut(true)
		pass(5 * time.Minute)
		if got := a.plane.newest().cfg.Peer; got != pe2 {
			t.Errorf("tunnel to %v, want %v", got, pe2)
		}
		n.setCut(false)
		pass(time.Minute)
		a.wantPath(t, pe2other)
	})
}

// sccrqs records the SCCRQs that a daemon sends.
func sccrqs(n *network, from netip.AddrPort) *[][]byte {
	var all [][]byte
	n.seen = func(message []byte, sender, _ netip.AddrPort) {
		if id, ok := l2tp.PeekConnectionID(message); ok && id == 0 && sender == from {
			all = append(all, bytes.Clone(message))
		}
	}
	return &all
}

// A replayed SCCRQ of the peer, even of a connection long past, from another port of its address is
// answered there and moves nothing for long.
func TestReplayedRequestMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		a.withPeer(func(peer *config.Peer) { peer.Role = config.RolePassive })
		sent := sccrqs(n, pe2)
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		n.setCut(true)
		pass(5 * time.Minute)
		n.setCut(false)
		pass(time.Minute)
		a.wantPath(t, pe2)
		downs := a.logged("link down")

		n.mu.Lock()
		first, last := (*sent)[0], (*sent)[len(*sent)-1]
		n.mu.Unlock()
		a.listener.Receive(last, pe2other)
		pass(time.Minute)
		a.wantPath(t, pe2) // it was only acknowledged again
		a.listener.Receive(first, pe2other)
		synctest.Wait()
		if got := a.plane.newest().cfg.Peer; got != pe2other {
			t.Errorf("answered at %v, want %v", got, pe2other)
		}
		pass(5 * time.Minute)
		a.isUp(t)
		if v := a.look(t); a.logged("link down") != downs || v.Path.Err != nil {
			t.Error("the link went down")
		}
		if a.loops()[0].path.peer != pe2 {
			t.Errorf("path to %v, want %v", a.loops()[0].path.peer, pe2)
		}
	})
}

// A forged SCCRQ costs the computation of a digest, and no socket.
func TestForgedRequestOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		sent := sccrqs(n, pe2)
		a.withPeer(func(peer *config.Peer) { peer.Role = config.RolePassive })
		n.setCut(true)
		a.start(t)
		b.start(t)
		pass(time.Second)
		n.mu.Lock()
		forged := bytes.Clone((*sent)[0])
		n.mu.Unlock()
		forged[len(forged)-1] ^= 1
		for range 100 {
			a.listener.Receive(forged, pe2other)
		}
		pass(time.Second)
		if opened, _, _ := a.plane.count(); opened != 1 {
			t.Errorf("%d tunnels opened, want 1", opened)
		}
		if a.look(t).Control.RefusedAuth.IsZero() {
			t.Error("the forged SCCRQ was not counted as unauthenticated")
		}
		b.stop()
		a.stop()
	})
}

// Without a secret, messages from another port do not affect an established connection.
func TestWithoutSecretEstablishedConnectionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("red")
		for _, p := range []*pe{a, b} {
			p.withPeer(func(peer *config.Peer) { peer.Secret = nil })
		}
		n.translate(pe2, pe2other)
		sent := sccrqs(n, pe2)
		a.start(t)
		b.start(t)
		pass(time.Minute)
		a.wantPath(t, pe2other) // it moved before the connection was established

		n.mu.Lock()
		request := bytes.Clone((*sent)[0])
		n.mu.Unlock()
		a.listener.Receive(request, pe2other2)
		pass(time.Second)
		a.wantPath(t, pe2other)
		if n := a.loops()[0].foreignPort.Load(); n != 1 {
			t.Errorf("%d messages from a foreign port, want 1", n)
		}
	})
}
