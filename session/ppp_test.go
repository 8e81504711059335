package session

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// authenticated returns a link with CHAP in both directions, as configured at one end.
func authenticated(name, secret, peerName, peerSecret string) []LinkConfig {
	return with(func(c *LinkConfig) {
		c.PPP.Auth = &ppp.AuthConfig{
			Require: ppp.ProtocolCHAP, Allow: []ppp.Protocol{ppp.ProtocolCHAP}, Rechallenge: 10 * time.Second,
			Name: name, Secret: ppp.Secret(secret), PeerName: peerName, PeerSecret: ppp.Secret(peerSecret),
		}
	})
}

// Both ends authenticate each other, repeatedly while the link is up.
func TestAuthenticatedLink(t *testing.T) {
	sim := newSimulation(t, 1, authenticated("one", "secret of one", "two", "secret of two"), authenticated("two", "secret of two", "one", "secret of one"))
	sim.start()
	sim.allUp(10 * time.Second)
	before := sim.a.link(0)
	sim.run(time.Minute)
	after := sim.a.link(0)
	if !after.Up || after.Since != before.Since {
		t.Errorf("up %v since %v, was up since %v", after.Up, after.Since, before.Since)
	}
	peer, local := after.PPP.PeerAuth, after.PPP.LocalAuth
	if peer.Name != "two" || peer.State != ppp.AuthPassed || local.Name != "one" || local.State != ppp.AuthPassed {
		t.Errorf("peer %+v, local %+v", peer, local)
	}
	if !peer.Passed.After(before.PPP.PeerAuth.Passed) {
		t.Errorf("the peer was last authenticated at %v, and not again", peer.Passed)
	}
}

// If authentication fails, the link stays down, and both ends show the reason.
func TestLinkThatFailsToAuthenticate(t *testing.T) {
	right := authenticated("one", "secret of one", "two", "secret of two")
	for _, tt := range []struct {
		name         string
		b            []LinkConfig
		wantA, wantB string
	}{
		{
			"wrong secret", authenticated("two", "another", "one", "secret of one"),
			`CHAP: the secret of "two" differs from the one configured here`, "wrong name or secret",
		},
		{
			"wrong name", authenticated("three", "secret of two", "one", "secret of one"),
			`CHAP: the peer named itself "three", expected "two"`, "wrong name or secret",
		},
		{
			"none", linkConfigs(1),
			"the peer rejects authentication by CHAP, which is required here",
			"rejects authentication by CHAP",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := newSimulation(t, 1, right, tt.b)
			sim.start()
			sim.within(10*time.Second, "a reason", func() bool { return sim.a.link(0).Reason != "" && sim.b.link(0).Reason != "" })
			if a := sim.a.link(0); a.Reason != tt.wantA || a.Layer != LayerLCP {
				t.Errorf("pe1: layer %d, reason %q, want %q", a.Layer, a.Reason, tt.wantA)
			}
			if b := sim.b.link(0); !strings.Contains(b.Reason, tt.wantB) && !strings.Contains(b.Reason, tt.wantA) {
				t.Errorf("pe2: reason %q, want %q", b.Reason, tt.wantB)
			}
			sim.run(time.Minute)
			if sim.a.link(0).Up || sim.b.link(0).Up || sim.a.link(0).Open != 0 || sim.b.link(0).Open != 0 {
				t.Error("the link is up")
			}
		})
	}
}

// Static IPv6 addresses are configured on the interface while IPv6 is open.
func TestIPv6Addresses(t *testing.T) {
	addresses := []netip.Prefix{netip.MustParsePrefix("2001:db8::1/64")}
	own := with(func(c *LinkConfig) { c.Addresses = addresses })
	for _, tt := range []struct {
		name string
		peer []LinkConfig
		want []netip.Prefix
	}{
		{"with IPv6", linkConfigs(1), addresses},
		{"peer without IPv6", with(func(c *LinkConfig) { c.PPP.IPv6 = nil }), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim := newSimulation(t, 1, own, tt.peer)
			sim.start()
			sim.allUp(10 * time.Second)
			if got := sim.a.link(0).Interface.Addresses; !slices.Equal(got, tt.want) {
				t.Errorf("addresses %v, want %v", got, tt.want)
			}
		})
	}
}

// Received network packets are a sign of life, although all echoes are lost (RFC 1661, section
// 5.8); without them the link goes down.
func TestNetworkPacketsKeepTheLink(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.mute = true
	for range 60 {
		for _, p := range []*pe{sim.a, sim.b} {
			p.pair.DataReceivedOn(p.link(0).Attempt, sim.now)
			p.pair.DataReceivedOn(p.link(0).Attempt+1000, sim.now) // an attempt that does not exist
		}
		sim.run(time.Second)
	}
	if !sim.a.up() || !sim.b.up() {
		t.Errorf("pe1 up %v, pe2 up %v", sim.a.up(), sim.b.up())
	}
	sim.within(25*time.Second, "echoes missed", sim.a.down(0))
}
