package integration

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// session returns the session of a VPN, as the PE's daemon reports it.
func (r *rig) session(pe *lab.PE, vpn string) api.Session {
	r.Helper()
	sessions, err := pe.Client().Sessions(r.ctx)
	r.must(err)
	for _, s := range sessions {
		if s.VPN == vpn {
			return s
		}
	}
	r.Fatalf("%s reports no session of VPN %s", pe.Name, vpn)
	return api.Session{}
}

// The operator sets the interface of a link down. The link is down at both ends, with a reason, for
// longer than the keepalive tolerates unanswered echoes. When the interface is set up again, the
// link carries packets over its routes as before, in the same session.
func TestInterfaceSetDownByTheOperator(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.startBoth()
	r.waitPings("red")
	before, blue := r.session(r.PE1, "red"), r.link(r.PE1, "blue")
	iface := r.link(r.PE1, "red").Interface
	vr := r.PE1.Sites["red"].VR

	r.must(vr.IP("link set " + iface + " down"))
	if l := r.waitDown(r.PE1, "red"); l.Reason != iface+" is administratively down" {
		t.Errorf("reason at %s: %q", r.PE1.Name, l.Reason)
	}
	if l := r.waitDown(r.PE2, "red"); l.Reason != "the interface at "+r.PE1.Name+" is down" {
		t.Errorf("reason at %s: %q", r.PE2.Name, l.Reason)
	}
	r.waitExplained(r.PE1, "red", "interface", "administratively down", "link set "+iface+" up")
	r.waitExplained(r.PE2, "red", "interface", r.PE1.Name)

	// Blue's echoes measure the time: 8 frames take longer than the keepalive with the timers of
	// Quick tolerates unanswered echoes.
	frames := r.session(r.PE1, "blue").Counters.RxFrames
	r.wait("blue's echoes", func() (bool, string, error) {
		now := r.session(r.PE1, "blue")
		return now.Counters.RxFrames >= frames+8, asJSON(now), nil
	})
	for _, pe := range r.PEs() {
		if l := r.link(pe, "red"); l.State != api.LinkDown {
			t.Errorf("red at %s is %s while an interface is down", pe.Name, l.State)
		}
	}
	during := r.session(r.PE2, "red")
	if during.LocalID != before.RemoteID || during.State != "established" || during.LCP != "Opened" || during.RemoteCircuit != "inactive" {
		t.Errorf("the session has changed or is not established: %s", asJSON(during))
	}

	r.must(vr.IP("link set " + iface + " up"))
	r.waitUp("red")
	r.waitPings("red")
	if after := r.session(r.PE1, "red"); after.LocalID != before.LocalID {
		t.Errorf("the session is a new one: %s", asJSON(after))
	}
	if now := r.link(r.PE1, "blue"); now.Since != blue.Since {
		t.Errorf("blue has been up since %s, want %s", now.Since, blue.Since)
	}

	slis := 0
	for _, f := range r.readCapture(c) {
		if f.HasType && f.Type == l2tp.SLI && f.Source.Addr() == r.PE1.Address {
			slis++
		}
	}
	if slis != 2 {
		t.Errorf("%d SLIs on the wire, want 2: one for down and one for up", slis)
	}
}
