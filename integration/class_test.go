package integration

import (
	"bytes"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// Red requires IPsec at both PEs, which have no charon, and blue does not. Blue is up. Red is down,
// with an explanation of what is missing, and no packet on the wire belongs to it.
func TestLinksWithoutRequiredIPsecSendNothing(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	for _, pe := range r.PEs() {
		r.start(pe, pe.Protect(pe.Config().Quick(), "red"))
	}
	r.waitUp("blue")
	r.waitPings("blue")
	for _, pe := range r.PEs() {
		r.waitExplained(pe, "red", "IPsec", "this host lacks support for IPsec", "nothing is sent in the clear")
		if l := r.link(pe, "red"); l.State == api.LinkUp || l.IPsec != "required" || l.ESP != "" {
			t.Errorf("red at %s: want not up, IPsec required, no ESP; got %s", pe.Name, asJSON(l))
		}
		from, to := pe.Sites["red"], pe.Peer.Sites["red"]
		pong, err := from.Host.Ping(r.ctx, to.Address, lab.Ping{Count: 2})
		r.must(err)
		if pong.Received != 0 {
			t.Errorf("red carries packets: %s", pong.Output)
		}
	}
	id, err := endid.Parse(lab.VPNID(0))
	r.must(err)
	frames := r.readCapture(c)
	for _, f := range frames {
		if bytes.Contains(f.Payload, id.AppendOctets(nil)) || f.Source.Port() == 1701 || f.Destination.Port() == 1701 {
			t.Errorf("packet of red on the wire: %v", f)
		}
	}
	if len(frames) == 0 {
		t.Error("no packets were captured")
	}
}

// PE2 requires IPsec for red, PE1 does not. PE1 receives the reason from PE2, and PE2 reports the
// session request of PE1.
func TestDifferentProtectionClassesAreExplained(t *testing.T) {
	r := newRig(t, existingVRs)
	r.start(r.PE1, r.PE1.Config().Quick())
	r.start(r.PE2, r.PE2.Protect(r.PE2.Config().Quick(), "red"))
	r.waitUp("blue")
	r.waitExplained(r.PE1, "red", "session", "VPN "+lab.VPNID(0)+" requires IPsec here, but this connection is clear")
	r.waitExplained(r.PE2, "red", "IPsec", r.PE1.Name+" requested the link in the clear")

	out, err := r.PE2.Ctl(r.ctx, "peers")
	r.must(err)
	if !anyLine(out, []string{":1702", "established"}) || !anyLine(out, []string{":1701", "none", "required"}) {
		t.Errorf("l2tpvl-ctl peers: want an established connection at port 1702 and none at 1701, got\n%s", out)
	}
}
