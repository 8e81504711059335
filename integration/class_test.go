package integration

import (
	"bytes"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// Red requires IPsec at both PEs and blue does not. Blue is up; red says what is missing for IPsec
// (a kernel that has ESP, and charon), and not one packet on the wire has to do with it.
func TestLinksWithoutRequiredIPsecSendNothing(t *testing.T) {
	r := newRig(t, found)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	for _, pe := range r.PEs() {
		r.start(pe, pe.Protect(pe.Config().Quick(), "red"))
	}
	r.waitUp("blue")
	r.waitPings("blue")
	for _, pe := range r.PEs() {
		r.waitExplained(pe, "red", "IPsec", "this host lacks what it takes", "nothing is sent in clear")
		if l := r.link(pe, "red"); l.State == api.LinkUp || l.IPsec != "required" || l.ESP != "" {
			t.Errorf("%s has red %s", pe.Name, asJSON(l))
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
			t.Errorf("on the wire: %v", f)
		}
	}
	if len(frames) == 0 {
		t.Error("nothing was captured")
	}
}

// PE2 requires IPsec for red, PE1 does not. PE1 hears so in clear words, and PE2 knows that PE1 has
// asked.
func TestDifferentProtectionClassesAreExplained(t *testing.T) {
	r := newRig(t, found)
	r.start(r.PE1, r.PE1.Config().Quick())
	r.start(r.PE2, r.PE2.Protect(r.PE2.Config().Quick(), "red"))
	r.waitUp("blue")
	r.waitExplained(r.PE1, "red", "session", "VPN "+lab.VPNID(0)+" is to be protected here, and this connection is clear")
	r.waitExplained(r.PE2, "red", "IPsec", r.PE1.Name+" asked for the link in clear")

	out, err := r.PE2.Ctl(r.ctx, "peers")
	r.must(err)
	if !anyLine(out, []string{":1702", "established"}) || !anyLine(out, []string{":1701", "none", "required"}) {
		t.Errorf("l2tpvl-ctl peers says\n%s", out)
	}
}
