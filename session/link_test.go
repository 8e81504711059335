package session

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/vr"
)

var (
	localAddress = netip.MustParseAddr("10.255.0.0")
	peerAddress  = netip.MustParseAddr("10.255.0.1")
)

// address returns a link with an IPv4 address, and the address that the peer must have.
func address(mode ppp.AddressMode, local, peer netip.Addr) []LinkConfig {
	return with(func(c *LinkConfig) { c.PPP.IPv4 = &ppp.IPv4Config{Mode: mode, Local: local, Peer: peer} })
}

func TestAddresses(t *testing.T) {
	none := netip.Addr{}
	for _, tt := range []struct {
		name        string
		a, b        []LinkConfig
		local, peer netip.Addr // of the interface at pe1
	}{
		{"unnumbered", linkConfigs(1), linkConfigs(1), none, none},
		{"configured", address(ppp.Configured, localAddress, none), address(ppp.Configured, peerAddress, none), localAddress, peerAddress},
		{"configured for both ends", address(ppp.Configured, localAddress, peerAddress), address(ppp.Configured, peerAddress, localAddress), localAddress, peerAddress},
		{"learned", address(ppp.Learned, none, none), address(ppp.Configured, peerAddress, localAddress), localAddress, peerAddress},
		{"local end only", address(ppp.Configured, localAddress, none), linkConfigs(1), localAddress, none},
		{"peer only", linkConfigs(1), address(ppp.Configured, peerAddress, none), none, peerAddress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := newSimulation(t, 1, tt.a, tt.b)
			sim.start()
			sim.allUp(10 * time.Second)
			got, other := sim.a.link(0).Interface, sim.b.link(0).Interface
			want := vr.Interface{
				MTU: 1500 - 48, Up: true, Local: tt.local, Peer: tt.peer,
				LinkLocal: got.LinkLocal, PeerLinkLocal: other.LinkLocal,
			}
			if got.LinkLocal == 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("interface %+v, want %+v", got, want)
			}
			if s := sim.a.sessions[sim.a.link(0).Attempt]; !reflect.DeepEqual(s.iface, got) || s.open != dataplane.IPv4|dataplane.IPv6 {
				t.Errorf("the data plane has %+v with protocols %d", s.iface, s.open)
			}
		})
	}
}

// The interface gets the routes of the network protocols that are open.
func TestRoutes(t *testing.T) {
	four, six := netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")
	sim := newSimulation(t, 1, with(func(c *LinkConfig) { c.Routes = []netip.Prefix{four, six} }),
		with(func(c *LinkConfig) { c.PPP.IPv6 = nil }))
	sim.start()
	sim.allUp(10 * time.Second)
	if got := sim.a.link(0).Interface.Routes; len(got) != 1 || got[0] != four {
		t.Errorf("routes %v, want %v only, because the peer does not run IPv6", got, four)
	}
}

// The MTU is the smallest of all bounds, so that outer packets are not fragmented: the overhead is
// IP's 20 or 40 octets, UDP's 8, the session header's 8 and the cookie's 8 (RFC 3931, section
// 4.1.2.1), and PPP's 4 (RFC 1661, section 2).
func TestMTU(t *testing.T) {
	bound := func(mtu int) []LinkConfig { return with(func(c *LinkConfig) { c.MTU = mtu }) }
	for _, tt := range []struct {
		name         string
		a, b         []LinkConfig
		address      string
		pathA, pathB int
		want         int
	}{
		{"default path MTU", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 1500, 1500, 1452},
		{"large path MTU", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 9000, 9000, 8952},
		{"IPv6 outside", linkConfigs(1), linkConfigs(1), "[2001:db8::2]:1702", 1500, 1500, 1432},
		{"bound of the VPN", bound(1400), linkConfigs(1), "192.0.2.2:1702", 1500, 1500, 1400},
		{"bound above the path MTU", bound(9000), linkConfigs(1), "192.0.2.2:1702", 1500, 1500, 1452},
		{"bound of the peer's VPN, by its MRU", linkConfigs(1), bound(1300), "192.0.2.2:1702", 1500, 1500, 1300},
		{"path MTU of the peer, by its MRU", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 1500, 1400, 1352},
		{"above the largest MRU", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 1 << 20, 1 << 20, 65531},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := newSimulation(t, 1, tt.a, tt.b)
			sim.a.cfg.Address = netip.MustParseAddrPort(tt.address)
			sim.start()
			sim.a.step(func() { sim.a.pair.SetPathMTU(sim.now, tt.pathA, &sim.a.out) })
			sim.b.step(func() { sim.b.pair.SetPathMTU(sim.now, tt.pathB, &sim.b.out) })
			sim.allUp(10 * time.Second)
			s := sim.a.sessions[sim.a.link(0).Attempt]
			if s.iface.MTU != tt.want {
				t.Errorf("MTU %d, want %d", s.iface.MTU, tt.want)
			}
		})
	}
}

func (p *pe) setPathMTU(mtu int) { p.step(func() { p.pair.SetPathMTU(p.now, mtu, &p.out) }) }

func TestPathMTUChangesWhileUp(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(2), linkConfigs(2))
	sim.start()
	sim.allUp(10 * time.Second)
	before := sim.a.pair.Status().Links
	sim.a.setPathMTU(1400)
	sim.run(time.Second)
	for i := range 2 {
		l := sim.a.link(i)
		if got := sim.a.sessions[l.Attempt].iface.MTU; got != 1352 || !l.Up || l.Since != before[i].Since {
			t.Errorf("MTU %d, up %v since %v; want 1352, and up without interruption", got, l.Up, l.Since)
		}
	}
}

// A path MTU too small for IPv6 (RFC 8200, section 5: 1280 octets) disables IPv6 but not the link,
// and is shown. IPv6 returns when the path MTU is large enough.
func TestPathTooNarrowForIPv6(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	narrow := func(mtu int) { sim.a.setPathMTU(mtu); sim.b.setPathMTU(mtu) }
	narrow(1300)
	sim.within(10*time.Second, "link without IPv6", func() bool { return sim.a.up() && sim.b.up() && sim.a.link(0).Open == dataplane.IPv4 })
	l := sim.a.link(0)
	want := "the path MTU of 1300 octets leaves 1252 for the link; IPv6 needs 1280"
	if l.Layer != LayerIPv6CP || l.Reason != want || l.Interface.MTU != 1252 {
		t.Errorf("layer %d, reason %q, MTU %d", l.Layer, l.Reason, l.Interface.MTU)
	}
	narrow(1500)
	sim.within(10*time.Second, "IPv6 back", func() bool { return sim.a.up() && sim.a.link(0).Open.Has(dataplane.IPv6) })
	if l := sim.a.link(0); l.Reason != "" {
		t.Errorf("the reason %q stays", l.Reason)
	}
}

// A link without another protocol stays down and shows the reason.
func TestPathTooNarrowForTheOnlyProtocol(t *testing.T) {
	onlyIPv6 := with(func(c *LinkConfig) { c.PPP.IPv4 = nil })
	sim := newSimulation(t, 1, onlyIPv6, onlyIPv6)
	sim.start()
	sim.a.setPathMTU(1000)
	sim.within(10*time.Second, "reason", sim.a.down(0))
	sim.run(time.Minute)
	if l := sim.a.link(0); l.Layer != LayerIPv6CP || !strings.Contains(l.Reason, "IPv6 needs 1280") || sim.a.countNotes("link failed to come up") != 1 {
		t.Errorf("layer %d, reason %q, notes %v", l.Layer, l.Reason, sim.a.notes)
	}
}

// A VPN is unknown at the peer. RFC 3931 has no result code for that, so the text of the CDN names
// the VPN-ID and the peer's name here. Other links are not affected.
func TestVPNUnknownAtThePeer(t *testing.T) {
	green := linkConfig(7)
	sim := newSimulation(t, 1, append(linkConfigs(1), green), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.within(10*time.Second, "refusal", sim.a.down(1))

	const text = `VPN-ID 00005e:00000007 is not configured for peer "pe1"`
	cdn := sim.b.results[0]
	if string(cdn.Message) != text || l2tp.CDNCode(cdn.Code) != l2tp.CDNPermanentFacilities {
		t.Errorf("pe2's CDN is %d %q, want %q", cdn.Code, cdn.Message, text)
	}
	l := sim.a.link(1)
	if l.Layer != LayerSession || l.Refused != l2tp.CDNPermanentFacilities || !strings.Contains(l.Reason, "00005e:00000007") || l.CallAt.IsZero() {
		t.Errorf("green: layer %d, refused %d, reason %q, next call %v", l.Layer, l.Refused, l.Reason, l.CallAt)
	}

	since, up := sim.a.link(0).Since, sim.a.pair.Status().Connection.Since
	sim.run(10 * time.Minute)
	if sim.a.link(0).Since != since || sim.a.pair.Status().Connection.Since != up {
		t.Error("the other link, or the connection, did not stay up")
	}
	// Half to all of 1, 2, 4, 8, 16, 30, 30 ... s: 20 to 45 calls.
	if calls := sim.a.link(1).Failures; calls < 20 || calls > 45 || sim.a.countNotes("link failed to come up") != 1 {
		t.Errorf("%d calls in 10 minutes; notes %v", calls, sim.a.notes)
	}
}

func TestRemoteEndIDThatIsNoVPNID(t *testing.T) {
	sim := newSimulation(t, 1, nil, nil)
	sim.start()
	sim.within(10*time.Second, "connection", func() bool { return sim.a.pair.control.Established() != nil })
	sim.a.pair.control.Established().Open(sim.now, []byte("red"), &sim.a.out.control)
	sim.a.step(func() {})
	sim.run(time.Second)
	if len(sim.b.results) != 1 || !strings.HasPrefix(string(sim.b.results[0].Message), "Remote End ID is not a VPN-ID: ") {
		t.Errorf("pe2's results: %v", sim.b.results)
	}
}

func TestDataPlaneFailsTemporarily(t *testing.T) {
	for _, side := range []string{"initiator", "responder"} {
		t.Run(side, func(t *testing.T) {
			sim := newSimulation(t, 1, linkConfigs(2), linkConfigs(2))
			p := sim.a
			sim.start()
			sim.within(10*time.Second, "connection", func() bool { return sim.a.pair.control.Established() != nil })
			if sim.a.pair.Status().Connection.Initiator != (side == "initiator") {
				p = sim.b
			}
			p.refuse = func(c Create) error {
				if c.Link.VPN == "vpn1" {
					return errNoDevice
				}
				return nil
			}
			sim.within(10*time.Second, "failure", p.down(0))
			if l := p.link(0); l.Layer != LayerDataPlane || l.Reason != errNoDevice.Error() || l.CallAt.IsZero() {
				t.Errorf("layer %d, reason %q, next call %v", l.Layer, l.Reason, l.CallAt)
			}
			sim.within(10*time.Second, "notification of the peer", p.peer.down(0))
			if l := p.peer.link(0); l.Refused != l2tp.CDNTemporaryFacilities || !strings.Contains(l.Reason, errNoDevice.Error()) {
				t.Errorf("the peer: refused %d, reason %q", l.Refused, l.Reason)
			}
			sim.run(time.Minute)
			if failures := p.link(0).Failures; failures < 4 || !p.link(1).Up {
				t.Errorf("%d failures in a minute; other link up: %v", failures, p.link(1).Up)
			}
			p.refuse = nil
			sim.allUp(time.Minute)
			if l := p.link(0); l.Reason != "" {
				t.Errorf("the link is up, but the reason %q stays", l.Reason)
			}
		})
	}
}

// lose reports that the interface of a link has vanished.
func (p *pe) lose(i int, why string) {
	a := p.link(i).Attempt
	p.step(func() { p.pair.Failed(p.now, a, errors.New(why), &p.out) })
}

func TestInterfaceVanishes(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(2), linkConfigs(2))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.run(time.Minute)
	since := sim.a.link(1).Since
	sim.a.lose(0, "interface vl-vpn1 vanished")
	if l := sim.a.link(0); l.Up || l.Layer != LayerInterface || l.Reason != "interface vl-vpn1 vanished" || l.Since != sim.now {
		t.Errorf("up %v, layer %d, reason %q", l.Up, l.Layer, l.Reason)
	}
	sim.within(time.Second, "notification of the peer", sim.b.down(0))
	sim.allUp(5 * time.Second)
	if sim.a.link(1).Since != since {
		t.Error("the other link did not stay up")
	}
	if sim.a.countNotes("link down") != 1 || sim.a.countNotes("link up") != 3 || sim.a.countNotes("link failed to come up") != 0 {
		t.Errorf("notes %v", sim.a.notes)
	}
}

func TestVirtualRouterGone(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(2), linkConfigs(2))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.a.step(func() { sim.a.pair.RouterGone(sim.now, vr.Spec{NetNS: "vpn2"}, "netns vpn2 was deleted", &sim.a.out) })
	if l := sim.a.link(1); l.Up || l.Layer != LayerInterface || l.Reason != "netns vpn2 was deleted" {
		t.Errorf("up %v, layer %d, reason %q", l.Up, l.Layer, l.Reason)
	}
	if !sim.a.link(0).Up {
		t.Error("the link in another virtual router went down")
	}
	sim.allUp(5 * time.Second)
}

// LCP echo detects that data messages are lost while control messages are not (RFC 1661, section
// 5.8).
func TestDataPathLost(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.run(time.Minute)
	sim.mute = true
	sim.within(25*time.Second, "echoes missed", sim.a.down(0))
	if l := sim.a.link(0); l.Layer != LayerLCP && l.Layer != LayerSession || !strings.Contains(l.Reason, "echo") {
		t.Errorf("layer %d, reason %q", l.Layer, l.Reason)
	}
	sim.run(5 * time.Minute)
	if l := sim.a.link(0); l.Up || !strings.Contains(l.Reason, "Configure-Request") {
		t.Errorf("up %v, reason %q", l.Up, l.Reason)
	}
	sim.mute = false
	sim.allUp(2 * time.Minute)
}

// The ends cannot agree on IPv4, but on IPv6: the link is up, and the reason for the missing IPv4
// is shown. A corrected configuration restores IPv4.
func TestLinkWithoutIPv4(t *testing.T) {
	wrong, right := address(ppp.Configured, peerAddress, peerAddress.Next()), address(ppp.Configured, peerAddress, localAddress)
	sim := newSimulation(t, 1, address(ppp.Configured, localAddress, netip.Addr{}), wrong)
	sim.start()
	sim.within(10*time.Second, "up by IPv6", func() bool { return sim.a.up() && sim.b.up() })
	sim.run(time.Minute)
	for _, p := range []*pe{sim.a, sim.b} {
		if l := p.link(0); !l.Up || l.Open != dataplane.IPv6 || l.Layer != LayerIPCP || l.Reason == "" {
			t.Errorf("%s: up %v, protocols %d, layer %d, reason %q", p.name, l.Up, l.Open, l.Layer, l.Reason)
		}
		if p.countNotes("link running without IPv4") != 1 {
			t.Errorf("%s: notes %v", p.name, p.notes)
		}
	}
	if l := sim.b.link(0); !strings.Contains(l.Reason, localAddress.String()) {
		t.Errorf("reason %q at pe2, which refuses the address", l.Reason)
	}
	sim.b.cfg.Links = right
	sim.b.start() // with another configuration
	sim.within(time.Minute, "IPv4 too", func() bool { return sim.a.up() && sim.a.link(0).Open.Has(dataplane.IPv4) })
	if l := sim.a.link(0); l.Reason != "" {
		t.Errorf("the reason %q stays", l.Reason)
	}
}

// The ends cannot agree on any network protocol. LCP alone would stay open indefinitely; instead
// the link fails with the reason, and retries with back-off.
func TestNoNetworkProtocolSucceeds(t *testing.T) {
	only4 := func(local, peer netip.Addr) []LinkConfig {
		return with(func(c *LinkConfig) {
			c.PPP.IPv4, c.PPP.IPv6 = &ppp.IPv4Config{Mode: ppp.Configured, Local: local, Peer: peer}, nil
		})
	}
	sim := newSimulation(t, 1, only4(localAddress, netip.Addr{}), only4(peerAddress, peerAddress.Next()))
	sim.start()
	sim.within(30*time.Second, "failure", func() bool { return sim.b.link(0).Failures > 0 })
	if l := sim.b.link(0); l.Layer != LayerIPCP || !strings.Contains(l.Reason, localAddress.String()) || l.CallAt.IsZero() {
		t.Errorf("layer %d, reason %q, next call %v", l.Layer, l.Reason, l.CallAt)
	}
	sim.run(10 * time.Minute)
	if n := sim.a.link(0).Failures + sim.b.link(0).Failures; n < 10 {
		t.Errorf("%d failures in 10 minutes: the link does not retry", n)
	}
	if n := sim.a.countNotes("link failed to come up") + sim.b.countNotes("link failed to come up"); n > 10 {
		t.Errorf("%d notes of the same failure", n)
	}
	sim.b.cfg.Links = only4(peerAddress, localAddress)
	sim.b.start()
	sim.allUp(time.Minute)
}

// The two ends have no network protocol in common.
func TestNoNetworkProtocolInCommon(t *testing.T) {
	sim := newSimulation(t, 1, with(func(c *LinkConfig) { c.PPP.IPv6 = nil }), with(func(c *LinkConfig) { c.PPP.IPv4 = nil }))
	sim.start()
	sim.within(30*time.Second, "failure at pe1", func() bool { l := sim.a.link(0); return l.Reason != "" && l.Failures > 0 })
	sim.run(time.Minute)
	if a, b := sim.a.link(0), sim.b.link(0); a.Up || b.Up || !strings.Contains(a.Reason+b.Reason, "Protocol-Reject") {
		t.Errorf("reasons %q and %q", a.Reason, b.Reason)
	}
}

// The back-off of a link that comes up and goes down at once grows; it starts again only after the
// link was up for Retry.Max or longer.
func TestFlappingLinkBacksOff(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	for n := range 5 {
		sim.within(time.Minute, "up", func() bool { return sim.a.up() && sim.b.up() })
		sim.a.lose(0, "vanished")
		if got := sim.a.link(0).Failures; got != n+1 {
			t.Fatalf("%d failures after going down %d times", got, n+1)
		}
	}
	sim.within(time.Minute, "up", func() bool { return sim.a.up() && sim.b.up() })
	sim.run(time.Minute)
	sim.a.lose(0, "vanished")
	if got := sim.a.link(0).Failures; got != 1 {
		t.Errorf("%d failures, want 1: it was up for a minute", got)
	}
}

// A frame may overtake the ICCN, because the peer may use the session already. A few such frames
// are kept.
func TestFramesBeforeICCN(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.within(10*time.Second, "call answered", func() bool { return sim.a.sent[l2tp.ICRP]+sim.b.sent[l2tp.ICRP] > 0 })
	p := sim.a
	if sim.b.sent[l2tp.ICRP] > 0 {
		p = sim.b
	}
	request := []byte{0xc0, 0x21, 1, 9, 0, 4} // LCP Configure-Request without options
	for range 10 {
		p.step(func() { p.pair.Frame(sim.now, p.link(0).Attempt, request, &p.out) })
	}
	request[3] = 0 // the caller keeps the octets
	l := p.pair.order[0]
	if len(l.early) != maxEarly || l.early[0][3] != 9 || l.ppp != nil {
		t.Errorf("%d frames kept, want %d: %x", len(l.early), maxEarly, l.early)
	}
	sim.allUp(10 * time.Second)
	if l.early != nil {
		t.Error("the early frames are still kept")
	}
}

// Reports about an attempt that has ended have no effect.
func TestReportsOfEndedAttempt(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	dead := sim.a.link(0).Attempt
	sim.a.lose(0, "vanished")
	sim.allUp(10 * time.Second)
	before, notes := sim.a.link(0), len(sim.a.notes)
	sim.a.step(func() {
		sim.a.pair.Created(sim.now, dead, &sim.a.out)
		sim.a.pair.Configured(sim.now, dead, &sim.a.out)
		sim.a.pair.Failed(sim.now, dead, errNoDevice, &sim.a.out)
		terminateRequest := []byte{0xc0, 0x21, 5, 1, 0, 4}
		sim.a.pair.Frame(sim.now, dead, terminateRequest, &sim.a.out)
		if len(sim.a.out.Effects)+len(sim.a.out.Frames) > 0 {
			t.Errorf("effects %v, frames %v", sim.a.out.Effects, sim.a.out.Frames)
		}
	})
	after := sim.a.link(0)
	before.Config.PPP.Rand, after.Config.PPP.Rand = nil, nil // functions do not compare
	if !reflect.DeepEqual(before, after) || len(sim.a.notes) != notes {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
