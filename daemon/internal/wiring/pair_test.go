package wiring

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

// The machines of a peer receive everything that is configured for it: its own links, and those of
// no other peer.
func TestPair(t *testing.T) {
	prefix, route := netip.MustParsePrefix("10.255.0.0/31"), netip.MustParsePrefix("10.1.2.0/24")
	cfg := &config.Config{
		Local: config.Local{HostName: "pe1", RouterID: netip.MustParseAddr("192.0.2.1")},
		Peers: []config.Peer{
			{
				Name: "pe2", Address: netip.MustParseAddr("192.0.2.2"), Port: 1702, Secret: config.Secret("secret"), Digest: config.DigestMD5,
				Role: config.RoleActive, Hello: time.Minute, Retransmit: config.Retransmit{Initial: 1, Cap: 2, Retries: 3},
			},
			{Name: "pe3", Address: netip.MustParseAddr("192.0.2.3"), Port: 1702, Role: config.RolePassive},
		},
		VPNs: []config.VPN{
			{
				Name: "red", VPNID: endid.New(0x5e, 1), VR: config.VR{NetNS: "vr-red"}, MTU: 1400, Echo: config.Echo{Interval: 5, Fails: 3},
				Links: []config.Link{
					{
						Peer: "pe2", Address: config.LinkAddress{Prefix: prefix}, PeerAddress: netip.MustParseAddr("10.255.0.1"),
						Interface: "vl-a", Routes: []netip.Prefix{route}, IPv4: true,
					},
					{Peer: "pe3", Interface: "vl-b", IPv4: true, IPv6: true},
				},
			},
			{
				Name: "blue", VPNID: endid.New(0x5e, 2), VR: config.VR{NetNS: "vr-blue"},
				Links: []config.Link{{Peer: "pe2", Address: config.LinkAddress{Learn: true}, Interface: "vl-c", IPv4: true, IPv6: true}},
			},
		},
	}
	got := Pair(cfg, cfg.Peers[0], config.IPsecNone)
	c := got.Control
	if got.Peer != "pe2" || got.Address.String() != "192.0.2.2:1702" || c.HostName != "pe1" || c.RouterID != 0xc0000201 ||
		string(c.Secret) != "secret" || c.Digest != l2tp.DigestHMACMD5 || c.Role != control.Active || c.Hello != time.Minute ||
		c.Timing != (control.Timing{Initial: 1, Cap: 2, MaxRetries: 3}) {
		t.Errorf("pe2: %+v", got)
	}
	for i := range got.Links {
		got.Links[i].PPP.Rand = nil // functions do not compare
	}
	want := []session.LinkConfig{
		{
			VPN: "red", VPNID: endid.New(0x5e, 1), VR: vr.Spec{NetNS: "vr-red"}, Interface: "vl-a", MTU: 1400, Routes: []netip.Prefix{route},
			PPP: ppp.Config{EchoInterval: 5, EchoFails: 3, IPv4: &ppp.IPv4Config{
				Mode: ppp.Configured, Local: prefix.Addr(), Peer: netip.MustParseAddr("10.255.0.1"), Within: prefix,
			}},
		},
		{
			VPN: "blue", VPNID: endid.New(0x5e, 2), VR: vr.Spec{NetNS: "vr-blue"}, Interface: "vl-c",
			PPP: ppp.Config{IPv4: &ppp.IPv4Config{Mode: ppp.Learned}, IPv6: &ppp.IPv6Config{}},
		},
	}
	if !reflect.DeepEqual(got.Links, want) {
		t.Errorf("links of pe2:\n%+v\nwant\n%+v", got.Links, want)
	}

	other := Pair(cfg, cfg.Peers[1], config.IPsecNone)
	if other.Control.Secret != nil || other.Control.Role != control.Passive {
		t.Errorf("pe3 without a secret: %v, role %v", other.Control.Secret, other.Control.Role)
	}
	if len(other.Links) != 1 || other.Links[0].Interface != "vl-b" || other.Links[0].PPP.IPv4.Mode != ppp.Unnumbered {
		t.Errorf("links of pe3: %+v", other.Links)
	}
	if err := other.Links[0].PPP.Validate(); err != nil {
		t.Error(err)
	}
}
