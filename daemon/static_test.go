package daemon

import (
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/report"
)

// twoStaticPEs returns two daemons without signalling between them, not started.
func twoStaticPEs(vpns ...string) (n *network, a, b *pe) {
	n, a, b = twoPEs(vpns...)
	for end, p := range []*pe{a, b} {
		peer := &p.cfg().Peers[0]
		peer.Secret, peer.Signalling = nil, config.SignallingStatic
		peer.Static = config.StaticTunnel{LocalTunnelID: uint32(3001 + end), PeerTunnelID: uint32(3002 - end), LocalPort: 1702}
		for i := range p.cfg().VPNs {
			id := uint32(10 * (i + 1))
			p.cfg().VPNs[i].Links[0].Static = config.StaticSession{LocalSessionID: id + uint32(end), PeerSessionID: id + uint32(1-end)}
		}
		p.remake()
	}
	return n, a, b
}

func TestStaticLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoStaticPEs("red", "blue")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.isUp(t)
		b.isUp(t)

		v := a.look(t)
		if p := report.Peers([]report.View{*v})[0]; p.State != "static" || p.LocalID != "0x00000bb9" || p.RemoteID != "0x00000bba" || p.LinksUp != 2 ||
			p.Reason != "" || p.LastHeard == nil || p.Authentication != "none" || p.Sent != 0 {
			t.Errorf("peer %+v", p)
		}
		s := report.Sessions([]report.View{*v})[0]
		if s.State != "static" || s.Role != "" || s.LocalID != "0x0000000a" || s.RemoteID != "0x0000000b" || s.LocalCookie != "none" ||
			s.RemoteCookie != "none" || s.Circuit != "" || s.LCP != "Opened" {
			t.Errorf("session %+v", s)
		}

		// A static peer has no control messages: this one is dropped and counted.
		a.loops()[0].Receive([]byte{0xc8, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}, a.loops()[0].peer.AddrPort())
		synctest.Wait()
		if drops := a.drops(t); drops["control message from a static peer"] != 1 {
			t.Errorf("drops %v", drops)
		}

		page := a.page(t)
		wantLines(t, page, `link_up{peer="pe2",vpn="red"} 1`, `peer_links_up{ipsec="none",peer="pe2"} 2`)
		if strings.Contains(page, "l2tpvl_peer_up{") {
			t.Error("peer_up exists for a static peer")
		}

		n.setCut(true)
		pass(time.Minute)
		for _, l := range a.allLinks(t) {
			if l.State == api.LinkUp || !strings.Contains(l.Reason, "echo") && !strings.Contains(l.Reason, "Configure-Request") {
				t.Errorf("after the cut, %s is %s: %q", l.VPN, l.State, l.Reason)
			}
		}
		n.setCut(false)
		pass(time.Minute)
		a.isUp(t)
		b.isUp(t)

		a.stop()
		if _, open, sessions := a.plane.count(); open != 0 || sessions != 0 {
			t.Errorf("%d tunnels and %d sessions after the end, want none", open, sessions)
		}
		pass(time.Second)
		for _, l := range b.allLinks(t) { // notified by PPP
			if l.State == api.LinkUp || !strings.Contains(l.Reason, "shutting down") {
				t.Errorf("%s at pe2 is %s: %q", l.VPN, l.State, l.Reason)
			}
		}
	})
}

// drops returns the drop counters of the status.
func (p *pe) drops(t *testing.T) map[string]uint64 {
	t.Helper()
	status, err := p.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status.Drops
}

// Static links wait for a path, and come up as soon as it is open.
func TestStaticPathCannotBeOpenedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoStaticPEs("red")
		a.plane.refuse(syscall.ENETUNREACH)
		a.start(t)
		b.start(t)
		pass(30 * time.Second)
		v := a.look(t)
		const why = "this host has no route to 192.0.2.2: network is unreachable"
		if l := v.Link(&v.Links[0]); l.State != api.LinkDown || l.Reason != why || !l.RetryAt.Equal(v.Path.RetryAt) {
			t.Errorf("link %+v", l)
		}
		if p := report.Peers([]report.View{*v})[0]; p.State != "static" || p.Reason != why || p.RetryAt == nil {
			t.Errorf("peer %+v", p)
		}
		a.plane.refuse(nil)
		pass(time.Until(v.Path.RetryAt) + 10*time.Second)
		a.isUp(t)
	})
}
