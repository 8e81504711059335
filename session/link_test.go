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
	ours   = netip.MustParseAddr("10.255.0.0")
	theirs = netip.MustParseAddr("10.255.0.1")
)

// address gives a link an IPv4 address, and says which one the peer must have.
func address(mode ppp.AddressMode, local, peer netip.Addr) []LinkConfig {
	return with(func(c *LinkConfig) { c.PPP.IPv4 = &ppp.IPv4Config{Mode: mode, Local: local, Peer: peer} })
}

func TestAddresses(t *testing.T) {
	none := netip.Addr{}
	for _, tt := range []struct {
		name string
		a, b []LinkConfig
		// what the interface at pe1 gets
		local, peer netip.Addr
	}{
		{"unnumbered", linkConfigs(1), linkConfigs(1), none, none},
		{"configured", address(ppp.Configured, ours, none), address(ppp.Configured, theirs, none), ours, theirs},
		{"configured, and the peer's too", address(ppp.Configured, ours, theirs), address(ppp.Configured, theirs, ours), ours, theirs},
		{"learned", address(ppp.Learned, none, none), address(ppp.Configured, theirs, ours), ours, theirs},
		{"only ours", address(ppp.Configured, ours, none), linkConfigs(1), ours, none},
		{"only the peer's", linkConfigs(1), address(ppp.Configured, theirs, none), none, theirs},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1, tt.a, tt.b)
			w.start()
			w.allUp(10 * time.Second)
			got, other := w.a.link(0).Interface, w.b.link(0).Interface
			want := vr.Interface{
				MTU: 1500 - 48, Up: true, Local: tt.local, Peer: tt.peer,
				LinkLocal: got.LinkLocal, PeerLinkLocal: other.LinkLocal,
			}
			if got.LinkLocal == 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("interface %+v, want %+v", got, want)
			}
			if s := w.a.sessions[w.a.link(0).Attempt]; !reflect.DeepEqual(s.iface, got) || s.open != dataplane.IPv4|dataplane.IPv6 {
				t.Errorf("the data plane has %+v with protocols %d", s.iface, s.open)
			}
		})
	}
}

// Routes go into the interface for the network protocols that are open.
func TestRoutes(t *testing.T) {
	four, six := netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")
	w := newWorld(t, 1, with(func(c *LinkConfig) { c.Routes = []netip.Prefix{four, six} }),
		with(func(c *LinkConfig) { c.PPP.IPv6 = nil }))
	w.start()
	w.allUp(10 * time.Second)
	if got := w.a.link(0).Interface.Routes; len(got) != 1 || got[0] != four {
		t.Errorf("routes %v, want %v alone, as the peer runs no IPv6", got, four)
	}
}

// The MTU is what fits between all bounds, so that nothing is fragmented outside: the overhead is
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
		{"the path's default", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 1500, 1500, 1452},
		{"a long path's", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 9000, 9000, 8952},
		{"IPv6 outside", linkConfigs(1), linkConfigs(1), "[2001:db8::2]:1702", 1500, 1500, 1432},
		{"bound of the VPN", bound(1400), linkConfigs(1), "192.0.2.2:1702", 1500, 1500, 1400},
		{"bound beyond the path", bound(9000), linkConfigs(1), "192.0.2.2:1702", 1500, 1500, 1452},
		{"bound of the peer, by its MRU", linkConfigs(1), bound(1300), "192.0.2.2:1702", 1500, 1500, 1300},
		{"path of the peer, by its MRU", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 1500, 1400, 1352},
		{"more than an MRU can say", linkConfigs(1), linkConfigs(1), "192.0.2.2:1702", 1 << 20, 1 << 20, 65531},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1, tt.a, tt.b)
			w.a.cfg.Address = netip.MustParseAddrPort(tt.address)
			w.start()
			w.a.step(func() { w.a.pair.SetPathMTU(w.now, tt.pathA, &w.a.out) })
			w.b.step(func() { w.b.pair.SetPathMTU(w.now, tt.pathB, &w.b.out) })
			w.allUp(10 * time.Second)
			s := w.a.sessions[w.a.link(0).Attempt]
			if s.iface.MTU != tt.want {
				t.Errorf("MTU %d, want %d", s.iface.MTU, tt.want)
			}
		})
	}
}

func (p *pe) setPathMTU(mtu int) { p.step(func() { p.pair.SetPathMTU(p.now, mtu, &p.out) }) }

func TestPathMTUChangesWhileUp(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(2), linkConfigs(2))
	w.start()
	w.allUp(10 * time.Second)
	before := w.a.pair.Status().Links
	w.a.setPathMTU(1400)
	w.run(time.Second)
	for i := range 2 {
		l := w.a.link(i)
		if got := w.a.sessions[l.Attempt].iface.MTU; got != 1352 || !l.Up || l.Since != before[i].Since {
			t.Errorf("MTU %d, up %v since %v; want 1352, and up all the time", got, l.Up, l.Since)
		}
	}
}

// A path too narrow for IPv6 (RFC 8200, section 5: 1280 octets) costs IPv6 and not the link, and is
// told. When there is room again IPv6 is back.
func TestPathTooNarrowForIPv6(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	narrow := func(mtu int) { w.a.setPathMTU(mtu); w.b.setPathMTU(mtu) }
	narrow(1300)
	w.within(10*time.Second, "link without IPv6", func() bool { return w.a.up() && w.b.up() && w.a.link(0).Open == dataplane.IPv4 })
	l := w.a.link(0)
	want := "the path MTU of 1300 octets leaves 1252 for the link; IPv6 needs 1280"
	if l.Layer != LayerIPv6CP || l.Reason != want || l.Interface.MTU != 1252 {
		t.Errorf("layer %d, reason %q, MTU %d", l.Layer, l.Reason, l.Interface.MTU)
	}
	narrow(1500)
	w.within(10*time.Second, "IPv6 back", func() bool { return w.a.up() && w.a.link(0).Open.Has(dataplane.IPv6) })
	if l := w.a.link(0); l.Reason != "" {
		t.Errorf("still the complaint %q", l.Reason)
	}
}

// A link that can carry nothing else says so, and does not come up by halves.
func TestPathTooNarrowForTheOnlyProtocol(t *testing.T) {
	onlyIPv6 := with(func(c *LinkConfig) { c.PPP.IPv4 = nil })
	w := newWorld(t, 1, onlyIPv6, onlyIPv6)
	w.start()
	w.a.setPathMTU(1000)
	w.within(10*time.Second, "reason", w.a.down(0))
	w.run(time.Minute)
	if l := w.a.link(0); l.Layer != LayerIPv6CP || !strings.Contains(l.Reason, "IPv6 needs 1280") || w.a.said("link does not come up") != 1 {
		t.Errorf("layer %d, reason %q, notes %v", l.Layer, l.Reason, w.a.notes)
	}
}

// The VPN is not at the peer: RFC 3931 has no code of its own for it, so the text of the CDN tells.
// It says who is to look where, and the links beside are not touched.
func TestVPNUnknownAtThePeer(t *testing.T) {
	green := linkConfig(7)
	w := newWorld(t, 1, append(linkConfigs(1), green), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	w.within(10*time.Second, "refusal", w.a.down(1))

	const text = `no VPN 00005e:00000007 here for "pe1"`
	cdn := w.b.results[0]
	if string(cdn.Message) != text || l2tp.CDNCode(cdn.Code) != l2tp.CDNPermanentFacilities {
		t.Errorf("pe2's CDN is %d %q, want %q", cdn.Code, cdn.Message, text)
	}
	l := w.a.link(1)
	if l.Layer != LayerSession || l.Refused != l2tp.CDNPermanentFacilities || !strings.Contains(l.Reason, "00005e:00000007") || l.CallAt.IsZero() {
		t.Errorf("green: layer %d, refused %d, reason %q, next call %v", l.Layer, l.Refused, l.Reason, l.CallAt)
	}

	since, up := w.a.link(0).Since, w.a.pair.Status().Connection.Since
	w.run(10 * time.Minute)
	if w.a.link(0).Since != since || w.a.pair.Status().Connection.Since != up {
		t.Error("the other link, or the connection, did not stay up")
	}
	// Half to all of 1, 2, 4, 8, 16, 30, 30 ... s: 20 to 45 calls.
	if calls := w.a.link(1).Failures; calls < 20 || calls > 45 || w.a.said("link does not come up") != 1 {
		t.Errorf("%d calls in 10 minutes; notes %v", calls, w.a.notes)
	}
}

func TestRemoteEndIDThatIsNoVPNID(t *testing.T) {
	w := newWorld(t, 1, nil, nil)
	w.start()
	w.within(10*time.Second, "connection", func() bool { return w.a.pair.control.Established() != nil })
	w.a.pair.control.Established().Open(w.now, []byte("red"), &w.a.out.control)
	w.a.step(func() {})
	w.run(time.Second)
	if len(w.b.results) != 1 || !strings.HasPrefix(string(w.b.results[0].Message), "the Remote End ID is no VPN-ID: ") {
		t.Errorf("pe2's answer: %v", w.b.results)
	}
}

func TestDataPlaneFailsForAWhile(t *testing.T) {
	for _, side := range []string{"initiator", "responder"} {
		t.Run(side, func(t *testing.T) {
			w := newWorld(t, 1, linkConfigs(2), linkConfigs(2))
			p := w.a
			w.start()
			w.within(10*time.Second, "connection", func() bool { return w.a.pair.control.Established() != nil })
			if w.a.pair.Status().Connection.Initiator != (side == "initiator") {
				p = w.b
			}
			p.refuse = func(c Create) error {
				if c.Link.VPN == "vpn1" {
					return errNoDevice
				}
				return nil
			}
			w.within(10*time.Second, "failure", p.down(0))
			if l := p.link(0); l.Layer != LayerDataPlane || l.Reason != errNoDevice.Error() || l.CallAt.IsZero() {
				t.Errorf("layer %d, reason %q, next call %v", l.Layer, l.Reason, l.CallAt)
			}
			w.within(10*time.Second, "the peer told", p.peer.down(0))
			if l := p.peer.link(0); l.Refused != l2tp.CDNTemporaryFacilities || !strings.Contains(l.Reason, errNoDevice.Error()) {
				t.Errorf("the peer: refused %d, reason %q", l.Refused, l.Reason)
			}
			w.run(time.Minute)
			if failures := p.link(0).Failures; failures < 4 || !p.link(1).Up {
				t.Errorf("%d failures in a minute; the link beside is up: %v", failures, p.link(1).Up)
			}
			p.refuse = nil
			w.allUp(time.Minute)
			if l := p.link(0); l.Reason != "" {
				t.Errorf("up, with the reason %q", l.Reason)
			}
		})
	}
}

// lose tells that the interface of a link has vanished.
func (p *pe) lose(i int, why string) {
	a := p.link(i).Attempt
	p.step(func() { p.pair.Failed(p.now, a, errors.New(why), &p.out) })
}

func TestInterfaceVanishes(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(2), linkConfigs(2))
	w.start()
	w.allUp(10 * time.Second)
	w.run(time.Minute)
	since := w.a.link(1).Since
	w.a.lose(0, "interface vl-vpn1 vanished")
	if l := w.a.link(0); l.Up || l.Layer != LayerInterface || l.Reason != "interface vl-vpn1 vanished" || l.Since != w.now {
		t.Errorf("up %v, layer %d, reason %q", l.Up, l.Layer, l.Reason)
	}
	w.within(time.Second, "the peer told", w.b.down(0))
	w.allUp(5 * time.Second)
	if w.a.link(1).Since != since {
		t.Error("the link beside did not stay up")
	}
	if w.a.said("link down") != 1 || w.a.said("link up") != 3 || w.a.said("link does not come up") != 0 {
		t.Errorf("notes %v", w.a.notes)
	}
}

func TestVirtualRouterGone(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(2), linkConfigs(2))
	w.start()
	w.allUp(10 * time.Second)
	w.a.step(func() { w.a.pair.RouterGone(w.now, vr.Spec{NetNS: "vpn2"}, "netns vpn2 was deleted", &w.a.out) })
	if l := w.a.link(1); l.Up || l.Layer != LayerInterface || l.Reason != "netns vpn2 was deleted" {
		t.Errorf("up %v, layer %d, reason %q", l.Up, l.Layer, l.Reason)
	}
	if !w.a.link(0).Up {
		t.Error("the link in another VR went down")
	}
	w.allUp(5 * time.Second)
}

// Data messages are lost, control messages are not: LCP's echoes find out (RFC 1661, section 5.8).
func TestDataPathLost(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	w.run(time.Minute)
	w.mute = true
	w.within(25*time.Second, "echoes missed", w.a.down(0))
	if l := w.a.link(0); l.Layer != LayerLCP && l.Layer != LayerSession || !strings.Contains(l.Reason, "echo") {
		t.Errorf("layer %d, reason %q", l.Layer, l.Reason)
	}
	w.run(5 * time.Minute)
	if l := w.a.link(0); l.Up || !strings.Contains(l.Reason, "Configure-Request") {
		t.Errorf("up %v, reason %q", l.Up, l.Reason)
	}
	w.mute = false
	w.allUp(2 * time.Minute)
}

// IPv4 cannot be agreed upon, IPv6 can: the link is up, and what it lacks is told. A fixed
// configuration mends it.
func TestIPv4FailsAndIPv6Carries(t *testing.T) {
	wrong, right := address(ppp.Configured, theirs, theirs.Next()), address(ppp.Configured, theirs, ours)
	w := newWorld(t, 1, address(ppp.Configured, ours, netip.Addr{}), wrong)
	w.start()
	w.within(10*time.Second, "up by IPv6", func() bool { return w.a.up() && w.b.up() })
	w.run(time.Minute)
	for _, p := range []*pe{w.a, w.b} {
		if l := p.link(0); !l.Up || l.Open != dataplane.IPv6 || l.Layer != LayerIPCP || l.Reason == "" {
			t.Errorf("%s: up %v, protocols %d, layer %d, reason %q", p.name, l.Up, l.Open, l.Layer, l.Reason)
		}
		if p.said("link goes on without IPv4") != 1 {
			t.Errorf("%s: notes %v", p.name, p.notes)
		}
	}
	if l := w.b.link(0); !strings.Contains(l.Reason, ours.String()) {
		t.Errorf("pe2, which refuses the address, says %q", l.Reason)
	}
	w.b.cfg.Links = right
	w.b.start() // with another configuration
	w.within(time.Minute, "IPv4 too", func() bool { return w.a.up() && w.a.link(0).Open.Has(dataplane.IPv4) })
	if l := w.a.link(0); l.Reason != "" {
		t.Errorf("the complaint stays: %q", l.Reason)
	}
}

// No network protocol can be agreed upon. LCP alone would stay open for ever; the link fails
// instead, says why, and is tried again with back-off.
func TestNoNetworkProtocolSucceeds(t *testing.T) {
	only4 := func(local, peer netip.Addr) []LinkConfig {
		return with(func(c *LinkConfig) {
			c.PPP.IPv4, c.PPP.IPv6 = &ppp.IPv4Config{Mode: ppp.Configured, Local: local, Peer: peer}, nil
		})
	}
	w := newWorld(t, 1, only4(ours, netip.Addr{}), only4(theirs, theirs.Next()))
	w.start()
	w.within(30*time.Second, "failure", func() bool { return w.b.link(0).Failures > 0 })
	if l := w.b.link(0); l.Layer != LayerIPCP || !strings.Contains(l.Reason, ours.String()) || l.CallAt.IsZero() {
		t.Errorf("layer %d, reason %q, next call %v", l.Layer, l.Reason, l.CallAt)
	}
	w.run(10 * time.Minute)
	if n := w.a.link(0).Failures + w.b.link(0).Failures; n < 10 {
		t.Errorf("%d failures in 10 minutes: it is not tried again", n)
	}
	if n := w.a.said("link does not come up") + w.b.said("link does not come up"); n > 10 {
		t.Errorf("%d notes of the same failure", n)
	}
	w.b.cfg.Links = only4(theirs, ours)
	w.b.start()
	w.allUp(time.Minute)
}

// The two ends have no network protocol in common.
func TestNoNetworkProtocolInCommon(t *testing.T) {
	w := newWorld(t, 1, with(func(c *LinkConfig) { c.PPP.IPv6 = nil }), with(func(c *LinkConfig) { c.PPP.IPv4 = nil }))
	w.start()
	w.within(30*time.Second, "failure at pe1", func() bool { l := w.a.link(0); return l.Reason != "" && l.Failures > 0 })
	w.run(time.Minute)
	if a, b := w.a.link(0), w.b.link(0); a.Up || b.Up || !strings.Contains(a.Reason+b.Reason, "Protocol-Reject") {
		t.Errorf("reasons %q and %q", a.Reason, b.Reason)
	}
}

// The back-off of a link that comes up and goes down at once grows; only one that was up for a
// while begins anew.
func TestFlappingLinkBacksOff(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	for n := range 5 {
		w.within(time.Minute, "up", func() bool { return w.a.up() && w.b.up() })
		w.a.lose(0, "vanished")
		if got := w.a.link(0).Failures; got != n+1 {
			t.Fatalf("%d failures after going down %d times", got, n+1)
		}
	}
	w.within(time.Minute, "up", func() bool { return w.a.up() && w.b.up() })
	w.run(time.Minute)
	w.a.lose(0, "vanished")
	if got := w.a.link(0).Failures; got != 1 {
		t.Errorf("%d failures, want 1: it was up for a minute", got)
	}
}

// A frame may overtake the ICCN, as the session may be used from the peer's view; it is kept, and
// few of them are.
func TestFramesBeforeICCN(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.within(10*time.Second, "call answered", func() bool { return w.a.sent[l2tp.ICRP]+w.b.sent[l2tp.ICRP] > 0 })
	p := w.a
	if w.b.sent[l2tp.ICRP] > 0 {
		p = w.b
	}
	request := []byte{0xc0, 0x21, 1, 9, 0, 4} // LCP Configure-Request without options
	for range 10 {
		p.step(func() { p.pair.Frame(w.now, p.link(0).Attempt, request, &p.out) })
	}
	request[3] = 0 // the caller keeps the octets
	l := p.pair.order[0]
	if len(l.early) != maxEarly || l.early[0][3] != 9 || l.ppp != nil {
		t.Errorf("%d frames kept, want %d: %x", len(l.early), maxEarly, l.early)
	}
	w.allUp(10 * time.Second)
	if l.early != nil {
		t.Errorf("frames kept for ever")
	}
}

// What is told of an attempt that is over changes nothing.
func TestLateWordsOfADeadAttempt(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	dead := w.a.link(0).Attempt
	w.a.lose(0, "vanished")
	w.allUp(10 * time.Second)
	before, notes := w.a.link(0), len(w.a.notes)
	w.a.step(func() {
		w.a.pair.Created(w.now, dead, &w.a.out)
		w.a.pair.Configured(w.now, dead, &w.a.out)
		w.a.pair.Failed(w.now, dead, errNoDevice, &w.a.out)
		w.a.pair.Frame(w.now, dead, []byte{0xc0, 0x21, 5, 1, 0, 4}, &w.a.out) // Terminate-Request
		if len(w.a.out.Effects)+len(w.a.out.Frames) > 0 {
			t.Errorf("effects %v, frames %v", w.a.out.Effects, w.a.out.Frames)
		}
	})
	after := w.a.link(0)
	before.Config.PPP.Rand, after.Config.PPP.Rand = nil, nil // functions do not compare
	if !reflect.DeepEqual(before, after) || len(w.a.notes) != notes {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
