package integration

import (
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

func TestLinksCarryCustomersWithOverlappingAddresses(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()

	for _, pe := range r.PEs() {
		for _, vpn := range r.VPNs {
			l := r.link(pe, vpn)
			ours, theirs := "10.255.0.0", "10.255.0.1"
			if pe == r.PE2 {
				ours, theirs = theirs, ours
			}
			if l.Local != ours || l.Remote != theirs {
				t.Errorf("%s, %s: link %s → %s, want %s → %s", pe.Name, vpn, l.Local, l.Remote, ours, theirs)
			}
			if l.Reason != "" {
				t.Errorf("%s, %s: up, but with a reason: %q", pe.Name, vpn, l.Reason)
			}
		}
	}
	for _, vpn := range r.VPNs {
		r.waitPings(vpn)
	}

	// Transfers in both VPNs and both directions at the same time.
	const octets = 4 << 20
	var transfers sync.WaitGroup
	for _, pe := range r.PEs() {
		for _, vpn := range r.VPNs {
			transfers.Go(func() {
				got, err := pe.Sites[vpn].Transfer(r.ctx, pe.Peer.Sites[vpn], octets)
				switch {
				case err != nil:
					t.Errorf("%s from %s: %v", vpn, pe.Name, err)
				case !got.Intact():
					t.Errorf("%s from %s: SHA-256 %x was sent and %x received", vpn, pe.Name, got.Sent, got.Received)
				}
			})
		}
	}
	transfers.Wait()
}

func TestPairHasOneConnectionAndOneSessionPerVPN(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()

	one, two := r.peer(r.PE1), r.peer(r.PE2)
	for _, p := range []api.Peer{one, two} {
		if p.State != "established" || p.Links != 2 || p.LinksUp != 2 {
			t.Errorf("peer: want established with 2 of 2 links up, got %s", asJSON(p))
		}
	}
	if one.LocalID != two.RemoteID || one.RemoteID != two.LocalID {
		t.Errorf("local and remote connection ID: %s, %s at PE1; %s, %s at PE2", one.LocalID, one.RemoteID, two.LocalID, two.RemoteID)
	}
	if one.HostName != "pe2" || two.HostName != "pe1" {
		t.Errorf("the host names of the peers are %q and %q", one.HostName, two.HostName)
	}

	// ids returns the local and remote session ID by VPN-ID.
	ids := func(pe *lab.PE) map[string][2]string {
		sessions, err := pe.Client().Sessions(r.ctx)
		r.must(err)
		if len(sessions) != len(r.VPNs) {
			t.Errorf("%s has %d sessions, want %d: %s", pe.Name, len(sessions), len(r.VPNs), asJSON(sessions))
		}
		ids := map[string][2]string{}
		for _, s := range sessions {
			ids[s.VPNID] = [2]string{s.LocalID, s.RemoteID}
		}
		return ids
	}
	here, there := ids(r.PE1), ids(r.PE2)
	for place := range r.VPNs {
		a, b := here[lab.VPNID(place)], there[lab.VPNID(place)]
		if a[0] == "" || a[0] != b[1] || a[1] != b[0] {
			t.Errorf("VPN-ID %s: session %v at PE1, %v at PE2", lab.VPNID(place), a, b)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, roles := range [][2]string{
		{"active", "passive"},
		{"passive", "active"},
		{"active", "active"},
		{"both", "passive"},
	} {
		t.Run(roles[0]+" and "+roles[1], func(t *testing.T) {
			r := newRig(t, existingVRs)
			for i, pe := range r.PEs() {
				r.start(pe, withRole(pe.Config().Quick(), roles[i]))
			}
			r.waitAllUp()
			r.waitPings("red")
		})
	}
}

// setLink changes the only link of a VPN in a configuration.
func setLink(c lab.Config, vpn string, change func(*lab.Link)) { change(&c.VPNs[vpn].Links[0]) }

func TestAddressIsLearnedFromPeer(t *testing.T) {
	r := newRig(t, existingVRs)
	giver, learner := r.PE1.Config().Quick(), r.PE2.Config().Quick()
	setLink(giver, "red", func(l *lab.Link) { l.PeerAddress = "10.255.0.1" })
	setLink(learner, "red", func(l *lab.Link) { l.Address = "learn" })
	r.start(r.PE1, giver)
	r.start(r.PE2, learner)
	r.waitUp("red")
	if l := r.link(r.PE2, "red"); l.Local != "10.255.0.1" || l.Remote != "10.255.0.0" {
		t.Errorf("PE2 learned %s → %s, want 10.255.0.1 → 10.255.0.0", l.Local, l.Remote)
	}
	r.waitPings("red")
}

func TestUnnumberedLinkCarriesIPv4AndIPv6(t *testing.T) {
	r := newRig(t, existingVRs)
	for _, pe := range r.PEs() {
		c := pe.Config().Quick()
		setLink(c, "red", func(l *lab.Link) { l.Address = "" })
		r.start(pe, c)
	}
	r.waitUp("red")
	r.waitPings("red")

	l := r.waitLink(r.PE1, "red", "up for IPv6", func(l api.Link) bool { return slices.Contains(l.Protocols, "ipv6") })
	remote, err := netip.ParseAddr(l.Remote6)
	if err != nil || !remote.IsLinkLocalUnicast() {
		t.Fatalf("the peer's IPv6 address is %q, want a link-local one", l.Remote6)
	}
	pong, err := r.PE1.Sites["red"].VR.Ping(r.ctx, remote.WithZone(l.Interface), lab.Ping{})
	r.must(err)
	if pong.Received == 0 {
		t.Errorf("no IPv6 ping over the link was answered:\n%s", pong.Output)
	}
}

func TestMissingVirtualRoutersAreCreated(t *testing.T) {
	r := newRig(t, lab.Options{})
	r.startBoth()
	for _, pe := range r.PEs() {
		for _, vpn := range r.VPNs {
			if !pe.Sites[vpn].VR.Exists() {
				t.Fatalf("%s has no namespace %s", pe.Name, pe.Sites[vpn].VR)
			}
			r.must(pe.Sites[vpn].Attach())
		}
	}
	for _, vpn := range r.VPNs {
		r.waitPings(vpn)
	}
}
