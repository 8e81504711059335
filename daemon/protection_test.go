package daemon

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// protect makes the links of a VPN protected.
func protect(vpn int) func(*config.Config) {
	return func(c *config.Config) {
		c.Local.PortProtected, c.Peers[0].PortProtected = 1701, 1701
		c.Peers[0].IKE = config.IKE{
			PSK: config.Secret("psk"), Start: config.StartAuto, RekeyOctets: 1 << 30, ReplayWindow: 64,
			IKEProposals: []string{"aes256gcm16-prfsha256-ecp256"}, ESPProposals: []string{"aes256gcm16-ecp256"},
			IKERekey: 4 * time.Hour, ChildRekey: time.Hour, DPD: 30 * time.Second,
		}
		c.VPNs[vpn].Links[0].IPsec = config.IPsecRequired
	}
}

// protectedPEs returns two daemons with a clear VPN blue, a protected VPN red, and IPsec between
// them, which is down.
func protectedPEs(t *testing.T) (*fakeIPsec, *pe, *pe) {
	n, a, b := twoPEs("blue", "red")
	for _, p := range []*pe{a, b} {
		p.reconfigure(protect(1))
		p.plane.opened = func(cfg dataplane.TunnelConfig) {
			isProtected := cfg.Local.Port() == 1701
			if isProtected && !p.guard.protects(cfg.Local, cfg.Peer) {
				t.Errorf("%s opened a socket from %s to %s before its protection was in place", p.cfg().Local.HostName, cfg.Local, cfg.Peer)
			}
			if isProtected != cfg.Protected || isProtected != (cfg.Peer.Port() == 1701) {
				t.Errorf("%s opened %+v", p.cfg().Local.HostName, cfg)
			}
		}
	}
	red := endid.New(0x5e, 2).AppendOctets(nil)
	n.seen = func(message []byte, from, to netip.AddrPort) {
		if bytes.Contains(message, red) && (from.Port() != 1701 || to.Port() != 1701) {
			t.Errorf("message about red sent in the clear, from %s to %s: %x", from, to, message)
		}
	}
	return ipsecBetween(n), a, b
}

// linkOf returns the API's answer about the link of a VPN.
func (p *pe) linkOf(t *testing.T, vpn string) api.Link {
	t.Helper()
	for _, l := range p.allLinks(t) {
		if l.VPN == vpn {
			return l
		}
	}
	t.Fatalf("no link of %s", vpn)
	return api.Link{}
}

// protectionsOf returns the API's answer about IPsec.
func (p *pe) protectionsOf(t *testing.T) []api.Protection {
	t.Helper()
	all, err := p.Protections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A protected link comes up once IPsec is up, next to a clear link, and the API shows both.
func TestProtectedLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		a.start(t)
		b.start(t)
		pass(3 * time.Minute) // long enough until attempts are given up
		for _, p := range []*pe{a, b} {
			if l := p.linkOf(t, "blue"); l.State != api.LinkUp || l.IPsec != "none" || l.ESP != "" || l.MTU != 1452 {
				t.Errorf("blue at %s: %+v", p.cfg().Local.HostName, l)
			}
			if l := p.linkOf(t, "red"); l.State == api.LinkUp || l.IPsec != "required" || l.ESP != "" {
				t.Errorf("red at %s: %+v", p.cfg().Local.HostName, l)
			}
			if x := p.protectionsOf(t); len(x) != 1 || x[0].Up || !x[0].Floor || x[0].Reason == "" || x[0].Starts != (p == a) {
				t.Errorf("protection at %s: %+v", p.cfg().Local.HostName, x)
			}
		}

		s.set(true, a, b)
		pass(10 * time.Second)
		a.isUp(t)
		b.isUp(t)
		for _, p := range []*pe{a, b} {
			// 1500 - 20 - 8 - 8 - 16 octets for ESP leave 1446 with the trailer; L2TP and PPP use
			// 28 of them.
			if l := p.linkOf(t, "red"); l.ESP != "aes256gcm16" || l.MTU != 1418 {
				t.Errorf("red at %s: %+v", p.cfg().Local.HostName, l)
			}
			peers := p.allPeers(t)
			if peers[0].IKE != "" || peers[1].IKE != "ESTABLISHED" || peers[1].ESP != "aes256gcm16" || peers[1].PathMTU != 1500 {
				t.Errorf("peers of %s: %+v", p.cfg().Local.HostName, peers)
			}
			x := p.protectionsOf(t)
			if len(x) != 1 || !x[0].Up || x[0].IKE == nil || len(x[0].ESP) != 1 || x[0].Reason != "" || x[0].Address != peers[1].Address {
				t.Errorf("protection at %s: %+v", p.cfg().Local.HostName, x)
			}
			if n := p.logged("IKE up"); n != 1 {
				t.Errorf("%s logged IKE up %d times, want 1", p.cfg().Local.HostName, n)
			}
		}

		s.set(false, a, b)
		pass(time.Minute)
		if l := a.linkOf(t, "red"); l.State == api.LinkUp || l.ESP != "" {
			t.Errorf("red without IPsec: %+v", l)
		}
		if l := a.linkOf(t, "blue"); l.State != api.LinkUp {
			t.Errorf("blue: %+v", l)
		}
		s.set(true, a, b)
		pass(20 * time.Second)
		a.isUp(t)
		b.isUp(t)
	})
}

// The guard receives the configuration of the protection.
func TestProtectionConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := protectedPEs(t)
		b.reconfigure(func(c *config.Config) {
			c.Peers[0].Encapsulation = config.EncapsulationIP
			c.Peers[0].IKE.PSK = nil
			c.Peers[0].IKE.Certificate, c.Peers[0].IKE.PrivateKey, c.Peers[0].IKE.CAs = []byte("cert"), config.Secret("key"), [][]byte{[]byte("ca")}
			c.Peers[0].IKE.LocalID, c.Peers[0].IKE.RemoteID = "us", "them"
			c.VPNs[0].Links[0].IPsec = config.IPsecRequired
		})
		p := a.loops()[1].protection.peer
		want := ipsec.Flow{Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("192.0.2.2"), LocalPort: 1701, RemotePort: 1701}
		if p.Name != "pe2" || p.Flow != want || string(p.Auth.PSK) != "psk" || !p.Starts ||
			p.IKE.Rekey != 4*time.Hour || p.IKE.DPD != 30*time.Second || p.Child.Rekey != time.Hour || p.Child.RekeyOctets != 1<<30 || p.Child.ReplayWindow != 64 {
			t.Errorf("pe1 protects %+v", p)
		}
		if len(b.loops()) != 1 {
			t.Fatalf("pe2 has %d loops, want 1", len(b.loops()))
		}
		p = b.loops()[0].protection.peer
		want = ipsec.Flow{Local: netip.MustParseAddr("192.0.2.2"), Remote: netip.MustParseAddr("192.0.2.1")}
		if p.Flow != want || p.Auth.PSK != nil || string(p.Auth.Certificate) != "cert" || string(p.Auth.PrivateKey) != "key" || len(p.Auth.CAs) != 1 ||
			p.Auth.LocalID != "us" || p.Auth.RemoteID != "them" || p.Starts {
			t.Errorf("pe2 protects %+v", p)
		}
	})
}

// While the guard fails or has not returned, no socket is opened, nothing is sent, and the reason
// is shown. Protect is retried, and at once when the key manager responds again.
func TestNoSocketWithoutProtection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		s.set(true)
		release := make(chan struct{})
		a.guard.refused = errors.New("nft: operation not permitted")
		b.guard.block = release
		a.start(t)
		b.start(t)
		pass(time.Hour)
		for _, p := range []*pe{a, b} {
			if opened, _, _ := p.plane.count(); opened != 1 {
				t.Errorf("%s opened %d tunnels, want 1", p.cfg().Local.HostName, opened)
			}
			if p.linkOf(t, "blue").State != api.LinkUp {
				t.Errorf("blue is not up at %s", p.cfg().Local.HostName)
			}
		}
		const why = "not protected yet: nft: operation not permitted"
		if l := a.linkOf(t, "red"); l.State != api.LinkDown || l.Reason != why || l.RetryAt == nil {
			t.Errorf("red: %+v", l)
		}
		if x := a.explained(t, "red", "pe2"); x.Steps[2].Layer != "IPsec" || x.Steps[2].Mark != api.MarkFailed ||
			!strings.Contains(x.Steps[2].Text, "nft: operation not permitted") || x.Advice == "" {
			t.Errorf("explanation %+v", x)
		}
		if n := a.logged("no path to the peer"); n != 1 {
			t.Errorf("no path to the peer logged %d times, want 1", n)
		}
		if n := len(a.guard.tried); n < 300 || n > 3600 {
			t.Errorf("Protect called %d times in an hour, want 300 to 3600", n)
		}
		if n := len(b.guard.tried); n != 1 {
			t.Errorf("Protect called %d times before it returned, want 1", n)
		}

		b.guard.set(func(g *fakeGuard) { g.block = nil })
		close(release)
		a.guard.set(func(g *fakeGuard) { g.refused = nil })
		before := len(a.guard.tried)
		a.guardEvent(ipsec.Event{Kind: ipsec.KeyManagerBack, Text: "strongSwan responds"})
		synctest.Wait()
		if n := len(a.guard.tried); n != before+1 {
			t.Errorf("Protect called %d times when the key manager responds again, want 1", n-before)
		}
		s.set(true, a, b)
		pass(time.Minute) // an attempt that started without a socket is given up first
		a.isUp(t)
		b.isUp(t)
		if _, open, _ := a.plane.count(); open != 2 {
			t.Errorf("%d tunnels open at pe1, want 2", open)
		}
		for _, p := range []*pe{a, b} {
			calls, tidied := p.guard.calls, "tidy "+p.cfg().Peers[0].Name
			n := 0
			for _, call := range calls {
				if call == tidied {
					n++
				}
			}
			if n != 2 || calls[len(calls)-1] != tidied { // at start, and when all is protected
				t.Errorf("%s called Tidy %d times, want 2; last calls of the guard: %q", p.cfg().Local.HostName, n, calls[max(0, len(calls)-5):])
			}
		}
	})
}

// The shutdown closes the sockets first and then ends IPsec; the floor stays.
func TestProtectionOutlivesSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		a.start(t)
		b.start(t)
		pass(time.Second)
		s.set(true, a, b)
		pass(20 * time.Second)
		a.isUp(t)
		a.guard.closing = func() {
			if _, open, _ := a.plane.count(); open != 0 {
				t.Errorf("IPsec ended while %d sockets were open", open)
			}
		}
		a.stop()
		// Tidy is called at the start, too, in parallel to the start of the loops.
		calls := slices.Clone(a.guard.calls)
		if i := slices.Index(calls, "tidy pe2"); i >= 0 && i < 2 {
			calls = slices.Delete(calls, i, i+1)
		}
		if want := []string{"protect pe2", "tidy pe2", "close"}; !slices.Equal(calls, want) {
			t.Errorf("calls of the guard %q, want %q", a.guard.calls, want)
		}
		if l := b.linkOf(t, "red"); l.State == api.LinkUp {
			t.Error("the peer was not notified")
		}
	})
}

// A reset of a peer renews the IKE SA of its protected class, after the StopCCN has left under the
// old one. The links of both classes come up again.
func TestResetRenewsIKE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		var stops atomic.Int32 // StopCCNs of pe1's protected class
		check := s.n.seen
		s.n.seen = func(message []byte, from, to netip.AddrPort) {
			check(message, from, to)
			// The value of the first AVP, Message Type, of a control message.
			if from.Addr() == a.localAddrPort().Addr() && from.Port() == 1701 && len(message) >= 20 && binary.BigEndian.Uint16(message[18:]) == 4 {
				stops.Add(1)
			}
		}
		a.start(t)
		b.start(t)
		pass(time.Second)
		s.set(true, a, b)
		pass(20 * time.Second)
		a.isUp(t)
		b.isUp(t)

		a.guard.renew = func() error {
			if n := stops.Load(); n != 1 {
				t.Errorf("%d StopCCNs have left under the old IKE SA, want 1", n)
			}
			s.set(false, a, b)
			return nil
		}
		stops.Store(0)
		done, err := a.ResetPeer(t.Context(), "pe2")
		if err != nil {
			t.Fatal(err)
		}
		if want := "the protected control connection to pe2 is reset, with 1 link, and a new IKE SA is requested"; strings.Count(done.Done, want) != 1 ||
			strings.Count(done.Done, "IKE") != 1 {
			t.Errorf("answer %q, want %q once", done.Done, want)
		}
		if n := strings.Count(strings.Join(a.guard.calls, ";"), "reconnect pe2"); n != 1 {
			t.Errorf("calls of the guard %q, want one of Reconnect", a.guard.calls)
		}
		pass(time.Second)
		s.set(true, a, b)
		pass(20 * time.Second)
		a.isUp(t)
		b.isUp(t)

		a.guard.renew = func() error { return errors.New("strongSwan does not answer") }
		done, err = a.ResetPeer(t.Context(), "pe2")
		if err != nil || !strings.Contains(done.Done, "but no new IKE SA is requested: strongSwan does not answer") {
			t.Errorf("answer %q, %v", done.Done, err)
		}
		pass(20 * time.Second)
		a.isUp(t)
	})
}

// Without a protection in place, and for links in the clear, a reset requests no IKE SA.
func TestResetWithoutProtection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := protectedPEs(t)
		a.guard.refused = errors.New("no nf_tables")
		a.start(t)
		b.start(t)
		pass(time.Second)
		done, err := a.ResetPeer(t.Context(), "pe2")
		if err != nil || !strings.Contains(done.Done, "but no new IKE SA is requested: "+errNotProtected.Error()) {
			t.Errorf("answer %q, %v", done.Done, err)
		}
		if slices.Contains(a.guard.calls, "reconnect pe2") {
			t.Errorf("calls of the guard %q, want none of Reconnect", a.guard.calls)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue")
		a.start(t)
		b.start(t)
		pass(5 * time.Second)
		done, err := a.ResetPeer(t.Context(), "pe2")
		if err != nil || strings.Contains(done.Done, "IKE") || len(a.guard.calls) > 1 {
			t.Errorf("answer %q, %v; calls of the guard %q", done.Done, err, a.guard.calls)
		}
	})
}

// A protected flow stays between the configured ports: messages from another port are not received,
// and no socket leads there.
func TestProtectedPathStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		s.n.translate(netip.MustParseAddrPort("192.0.2.2:1701"), netip.MustParseAddrPort("192.0.2.2:4711"))
		s.n.passes = nil
		a.start(t)
		b.start(t)
		s.set(true, a, b)
		pass(5 * time.Minute)
		if l := a.linkOf(t, "red"); l.State == api.LinkUp {
			t.Errorf("red: %+v", l)
		}
		for _, tunnel := range a.plane.tunnels {
			if tunnel.cfg.Peer.Port() == 4711 {
				t.Error("the path moved to another port")
			}
		}
		a.listener.Receive([]byte{0xc8, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}, netip.MustParseAddrPort("192.0.2.2:1701"))
		if n := len(a.loops()[1].mailbox); n != 0 {
			t.Error("the listener for clear peers passed a message to the protected loop")
		}
	})
}

// A NAT between the PEs adds 8 octets, and other algorithms have other overheads; the MTU follows
// as soon as they are known.
func TestRoomForESP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		a.start(t)
		b.start(t)
		pass(time.Second)
		s.set(true, a, b)
		pass(20 * time.Second)
		for _, tt := range []struct {
			child ipsec.ChildSA
			mtu   int
		}{
			{ipsec.ChildSA{Algorithms: "aes256gcm16"}, 1418},
			{ipsec.ChildSA{Algorithms: "aes256gcm16", Encapsulated: true}, 1410},
			{ipsec.ChildSA{Algorithms: "aes256-sha256"}, 1410},
		} {
			a.guard.set(func(g *fakeGuard) { g.status.Children = []ipsec.ChildSA{tt.child} })
			a.guardEvent(ipsec.Event{Peer: "pe2", Kind: ipsec.ChildRekeyed, Text: "rekeyed"})
			pass(time.Second)
			if l := a.linkOf(t, "red"); l.MTU != tt.mtu || l.State != api.LinkUp {
				t.Errorf("with %+v: red %+v", tt.child, l)
			}
		}
	})
}

// The status counts the packets that the floor drops.
func TestFloorDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := protectedPEs(t)
		a.guard.status.DroppedOut, a.guard.status.DroppedIn = 3, 5
		a.start(t)
		pass(time.Second)
		status, err := a.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status.Drops["unencrypted, not sent"] != 3 || status.Drops["unencrypted, not accepted"] != 5 {
			t.Errorf("drops %v", status.Drops)
		}
	})
}

// A slow guard delays only answers about IPsec, and these by a bounded time; the loop continues.
func TestSlowGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		a.start(t)
		b.start(t)
		pass(time.Second)
		s.set(true, a, b)
		pass(20 * time.Second)
		a.guard.set(func(g *fakeGuard) { g.slow = time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		links, err := a.Links(ctx)
		if err != nil || len(links) != 2 || time.Since(start) > 3*time.Second {
			t.Errorf("after %v: %d links, %v", time.Since(start), len(links), err)
		}
		pass(2 * time.Minute)
		b.isUp(t)
		a.guard.set(func(g *fakeGuard) { g.slow = 0 })
		pass(2 * time.Hour)
		a.isUp(t)
	})
}
