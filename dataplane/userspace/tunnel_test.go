package userspace

import (
	"net/netip"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

// Over IP a datagram begins with a session ID; a control message follows session ID 0 (RFC 3931,
// section 4.1.1.2). Everything except control messages and data messages of known sessions is
// dropped and counted.
func TestDatagramsOverIP(t *testing.T) {
	g := newRig(t)
	control := string(planetest.ControlMessage)
	for _, tt := range []struct {
		name     string
		over     carrier
		datagram string
		want     dataplane.TunnelStats
	}{
		{"control message", ip4, "\x00\x00\x00\x00" + control, dataplane.TunnelStats{Control: 1}},
		{"control message", ip6, "\x00\x00\x00\x00" + control, dataplane.TunnelStats{Control: 1}},
		{"to no control connection", ip4, "\x00\x00\x00\x00" + control[:4] + "\x00\x00\x00\x00" + control[8:], dataplane.TunnelStats{}},
		{"control message as over UDP", ip4, control, dataplane.TunnelStats{UnknownSession: 1}},
		{"empty", ip4, "", dataplane.TunnelStats{Malformed: 1}},
		{"3 octets", ip6, "\x00\x00\x00", dataplane.TunnelStats{Malformed: 1}},
		{"only session ID 0", ip4, "\x00\x00\x00\x00", dataplane.TunnelStats{Malformed: 1}},
		{"L2TPv2 control message", ip6, "\x00\x00\x00\x00\xc8\x02\x00\x0c" + control[4:], dataplane.TunnelStats{Malformed: 1}},
		{"no T bit", ip4, "\x00\x00\x00\x00\x48\x03\x00\x0c" + control[4:], dataplane.TunnelStats{Malformed: 1}},
		{"unknown session", ip4, "\x01\x02\x03\x04\xff\x03", dataplane.TunnelStats{UnknownSession: 1}},
		{"unknown session, nothing else", ip6, "\x01\x02\x03\x04", dataplane.TunnelStats{UnknownSession: 1}},
	} {
		t.Run(tt.over.String()+", "+tt.name, func(t *testing.T) {
			openTunnels(t, g, tt.over)
			to := g.PEs[1]
			planetest.Must(t, g.PEs[0].Tunnel.(*tunnel).send([]byte(tt.datagram)))
			if tt.want.Control == 1 {
				if got := <-to.Control; got != control {
					t.Errorf("got %x, want %x", got, control)
				}
			}
			g.Settle(t, to)
			got := to.Tunnel.Stats()
			got.Control-- // the one of Settle
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			for _, p := range g.PEs {
				planetest.Must(t, p.Tunnel.Close())
			}
		})
	}
}

// A raw socket receives the packets of all senders before it is connected to the peer, and IPv4
// packets with their headers. Packets of other senders do not reach the tunnel, before and after.
func TestPacketsOfUnknownSender(t *testing.T) {
	g := newRig(t)
	p, peer := g.PEs[0], g.PEs[1]
	for over, other := range map[carrier]netip.Addr{
		ip4: netip.MustParseAddr("192.0.2.139"),
		ip6: netip.MustParseAddr("2001:db8:1::9"),
	} {
		t.Run(over.String(), func(t *testing.T) {
			peer.Host.Address(t, "core", netip.PrefixFrom(other, other.BitLen()), netip.Addr{})
			p.Encapsulation, peer.Encapsulation = over.encapsulation, over.encapsulation
			local, remote := p.V4, peer.V4
			if over.ipv6 {
				local, remote = p.V6, peer.V6
			}
			planetest.Must(t, peer.Open(other, local))
			unknown := peer.Tunnel
			planetest.Must(t, peer.Open(remote, local))
			planetest.Must(t, p.Open(local, remote))
			for range 3 {
				planetest.Must(t, unknown.SendControl([]byte("\xc8\x03\x00\x0cunknown")))
			}
			g.Settle(t, p)
			if got := p.Tunnel.Stats(); got != (dataplane.TunnelStats{Control: 1}) {
				t.Errorf("the tunnel received %+v, want one control message", got)
			}
			for _, tunnel := range []dataplane.Tunnel{unknown, peer.Tunnel, p.Tunnel} {
				planetest.Must(t, tunnel.Close())
			}
		})
	}
}
