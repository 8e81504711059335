package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// PE2 has blue with another VPN-ID. Each session request for PE1's blue is refused with a CDN that
// names the VPN-ID. The control connection and red stay up.
func TestUnknownVPNIsRefusedAndOtherLinksStayUp(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.start(r.PE1, r.PE1.Config().Quick())
	other := r.PE2.Config().Quick()
	blue := other.VPNs["blue"]
	blue.VPNID = "00005e:00000063"
	other.VPNs["blue"] = blue
	r.start(r.PE2, other)

	r.waitUp("red")
	red, connection := r.link(r.PE1, "red"), r.peer(r.PE1)
	for _, pe := range r.PEs() {
		r.waitLink(pe, "blue", "not up after two attempts, with a CDN as reason", func(l api.Link) bool {
			return l.State != api.LinkUp && l.Attempt >= 2 && hasAll(l.Reason, []string{"CDN"})
		})
	}
	r.waitExplained(r.PE1, "blue", "session", "CDN", lab.VPNID(1))
	r.waitExplained(r.PE2, "blue", "session", "CDN", blue.VPNID)

	if now := r.link(r.PE1, "red"); now.Since != red.Since {
		t.Errorf("red did not stay up: up since %s, before since %s", now.Since, red.Since)
	}
	if now := r.peer(r.PE1); now.LocalID != connection.LocalID || now.Since != connection.Since {
		t.Errorf("the connection has changed: %s, before %s", asJSON(now), asJSON(connection))
	}
	r.waitPings("red")

	named := false
	for _, f := range r.readCapture(c) {
		if f.HasType && f.Type == l2tp.CDN && f.Source.Addr() == r.PE2.Address {
			named = named || hasAll(f.ErrorMessage, []string{lab.VPNID(1)})
		}
	}
	if !named {
		t.Errorf("no CDN of PE2 names the VPN-ID %s", lab.VPNID(1))
	}
}

func TestWrongSecretIsExplained(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.PE2.Config().Quick()
	peer := c.Peers[r.PE1.Name]
	peer.SecretFile = filepath.Join(r.Dir, "another-secret")
	r.must(os.WriteFile(peer.SecretFile, []byte("not the secret of PE1\n"), 0o600))
	c.Peers[r.PE1.Name] = peer
	r.start(r.PE1, r.PE1.Config().Quick())
	r.start(r.PE2, c)

	for _, pe := range r.PEs() {
		r.waitDown(pe, "red")
		r.waitExplained(pe, "red", "control connection", "secret")
	}
	for _, pe := range r.PEs() {
		if drops := r.drops(pe); drops == 0 {
			t.Errorf("%s has counted no dropped message", pe.Name)
		}
	}
}

// Each PE waits for the other to start the control connection, and the reason says so.
func TestPassiveOnBothSidesIsExplained(t *testing.T) {
	r := newRig(t, existingVRs)
	for _, pe := range r.PEs() {
		r.start(pe, withRole(pe.Config().Quick(), "passive"))
	}
	for _, pe := range r.PEs() {
		r.waitLink(pe, "red", "waiting for the peer", func(l api.Link) bool {
			return l.State != api.LinkUp && hasAll(l.Reason, []string{"waiting for", pe.Peer.Name, "control connection"})
		})
	}
}
