package integration

import (
	"slices"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

func TestRecoversAfterPeerKilled(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	r.must(r.PE2.Daemon.Kill())
	for _, vpn := range r.VPNs {
		r.waitDown(r.PE1, vpn)
	}
	r.waitExplained(r.PE1, "red", "peer", "no answer")
	r.must(r.PE2.Restart(r.ctx))
	r.waitAllUp()
	for _, vpn := range r.VPNs {
		r.waitPings(vpn)
	}
}

// The peer is restarted before PE1 notices that it was killed. PE1 recognizes the restart by the
// new Assigned Control Connection ID in its SCCRQ.
func TestRecoversAfterPeerRestarted(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	before := r.peer(r.PE1)
	r.must(r.PE2.Daemon.Kill())
	r.must(r.PE2.Restart(r.ctx))
	r.wait("a new connection", func() (bool, string, error) {
		now, err := r.PE1.Client().Peers(r.ctx)
		if err != nil {
			return false, "", err
		}
		return now[0].State == "established" && now[0].RemoteID != before.RemoteID, asJSON(now), nil
	})
	r.waitAllUp()
	for _, vpn := range r.VPNs {
		r.waitPings(vpn)
	}
}

func TestRecoversAfterPathCut(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	r.must(r.CutProvider())
	for _, pe := range r.PEs() {
		for _, vpn := range r.VPNs {
			r.waitDown(pe, vpn)
		}
		r.waitExplained(pe, "red", "peer", "no answer")
	}
	r.must(r.RestoreProvider())
	r.waitAllUp()
	for _, vpn := range r.VPNs {
		r.waitPings(vpn)
	}
}

// The interface to the provider network loses its carrier, and so the route is removed.
func TestRecoversAfterProviderInterfaceDown(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	r.must(r.PE1.NS.IP("link set " + lab.ProviderInterface + " down"))
	for _, pe := range r.PEs() {
		r.waitDown(pe, "red")
	}
	r.must(r.PE1.NS.IP("link set " + lab.ProviderInterface + " up"))
	r.waitAllUp()
	r.waitPings("red")
}

func TestRecoversAfterVirtualRouterDeleted(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	blue := r.link(r.PE1, "blue")
	site := r.PE1.Sites["red"]
	old := r.link(r.PE1, "red").Since
	r.must(site.VR.Delete())
	r.waitLink(r.PE1, "red", "not up, with a reason", func(l api.Link) bool { return l.State != api.LinkUp && l.Reason != "" })
	r.waitUp("red")
	if l := r.link(r.PE1, "red"); !l.Since.After(old) {
		t.Errorf("red has been up since %s, before its router was deleted", l.Since)
	}

	// The namespace is a new one. The veth pair to the customer's host was deleted with the old
	// one.
	r.wait("deletion of the old veth pair", func() (bool, string, error) {
		names, err := site.Host.Interfaces()
		return err == nil && !slices.Contains(names, "eth0"), asJSON(names), err
	})
	r.must(site.Attach())
	r.waitPings("red")

	if l := r.link(r.PE1, "blue"); l.Since != blue.Since {
		t.Errorf("blue has been up since %s, and since %s before red's router was deleted", l.Since, blue.Since)
	}
}

func TestRecoversAfterLinkInterfaceDeleted(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	l := r.link(r.PE1, "red")
	r.must(r.PE1.Sites["red"].VR.IP("link delete " + l.Interface))
	r.waitLink(r.PE1, "red", "up again", func(now api.Link) bool { return isUp(now) && now.Since.After(l.Since) })
	r.waitUp("red")
	r.waitPings("red")
}

func TestComesUpOnceAddressExists(t *testing.T) {
	r := newRig(t, existingVRs)
	r.must(r.PE1.RemoveAddress())
	c := r.PE1.Config().Quick()
	c.Local.Address = r.PE1.Address.String()
	r.start(r.PE1, c)
	r.start(r.PE2, r.PE2.Config().Quick())
	for _, vpn := range r.VPNs {
		r.waitDown(r.PE1, vpn)
	}
	r.waitExplained(r.PE1, "red", "peer", c.Local.Address)
	r.must(r.PE1.AddAddress())
	r.waitAllUp()
	r.waitPings("red")
}

func TestComesUpOnceRouteExists(t *testing.T) {
	r := newRig(t, existingVRs)
	r.must(r.PE1.RemoveAddress())
	r.start(r.PE1, r.PE1.Config().Quick())
	r.start(r.PE2, r.PE2.Config().Quick())
	for _, vpn := range r.VPNs {
		r.waitDown(r.PE1, vpn)
	}
	r.waitExplained(r.PE1, "red", "peer", "route")
	r.must(r.PE1.AddAddress())
	r.waitAllUp()
	r.waitPings("red")
}
