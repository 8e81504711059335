package daemon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/vr"
)

// failedLayer returns the failed layer of a link in its explanation, and the advice.
func (p *pe) failedLayer(t *testing.T, i int) (layer, text, advice string) {
	t.Helper()
	v := p.look(t)
	x, _ := report.Explain([]report.View{*v}, v.Links[i].Config.VPN)
	for _, step := range x.Steps {
		if step.Mark == api.MarkFailed {
			return step.Layer, step.Text, x.Advice
		}
	}
	return "", "", ""
}

// An interface that the operator sets down at one PE is explained at both, and comes back in the
// same session.
func TestInterfaceSetDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.isUp(t)
		before := a.look(t)

		a.setInterface("red", false)
		pass(time.Second)
		for _, tt := range []struct {
			pe             *pe
			reason, advice string
		}{
			{a, "vl-red is administratively down", "`ip -n red link set vl-red up`"},
			{b, "the interface at pe1 is down", "On pe1, the link's interface was set down"},
		} {
			l := tt.pe.allLinks(t)[1]
			if l.VPN != "red" || l.State != api.LinkDown || l.Reason != tt.reason || l.RetryAt != nil {
				t.Errorf("red: %+v", l)
			}
			layer, text, advice := tt.pe.failedLayer(t, 1)
			if layer != "interface" || text != tt.reason || !strings.Contains(advice, tt.advice) {
				t.Errorf("failed layer %s: %q, %q", layer, text, advice)
			}
			if blue := tt.pe.allLinks(t)[0]; blue.State != api.LinkUp {
				t.Errorf("blue is %s, want up", blue.State)
			}
		}
		for _, s := range append(a.plane.newest().all(), b.plane.newest().all()...) {
			if open := s.open.Load(); (open == 0) != strings.HasSuffix(s.cfg.Interface, "red") {
				t.Errorf("open protocols %d of %s", open, s.cfg.Interface)
			}
		}

		pass(time.Hour)
		a.setInterface("red", true)
		pass(time.Second)
		a.isUp(t)
		b.isUp(t)
		if after := a.look(t); after.Links[1].Session.ID != before.Links[1].Session.ID || after.Links[1].Attempt != before.Links[1].Attempt {
			t.Error("red came back in another session")
		}
		if !a.vrs.at("red/vl-red").Up || !b.vrs.at("red/vl-red").Up {
			t.Error("an interface is not set up")
		}
		if n := a.logged("link down"); n != 1 {
			t.Errorf("link down logged %d times, want 1", n)
		}
	})
}

// A change by the daemon is not mistaken for the operator's, however late its notification arrives.
func TestOwnInterfaceChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		for _, up := range []bool{true, false, true, false} {
			a.interfaces.stateChanged(vr.Spec{NetNS: "red"}, "vl-red", up)
		}
		a.interfaces.stateChanged(vr.Spec{NetNS: "red"}, "eth0", false)
		a.interfaces.stateChanged(vr.Spec{NetNS: "blue"}, "vl-red", false)
		pass(time.Second)
		a.isUp(t)
		b.isUp(t)
		if a.logged("link down")+b.logged("link down") != 0 {
			t.Error("the link went down")
		}
	})
}

// An interface that was set down and up again before its state was queried has lost its routes: it
// is configured again.
func TestInterfaceSetDownAndUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		a.vrs.mu.Lock()
		before := a.vrs.interfaces["red/vl-red"]
		a.vrs.interfaces["red/vl-red"] = vr.Interface{Up: true}
		a.vrs.mu.Unlock()
		a.interfaces.stateChanged(vr.Spec{NetNS: "red"}, "vl-red", false)
		a.interfaces.stateChanged(vr.Spec{NetNS: "red"}, "vl-red", true)
		pass(time.Second)
		if now := a.vrs.at("red/vl-red"); now.MTU != before.MTU || now.LinkLocal != before.LinkLocal {
			t.Errorf("interface %+v, before %+v", now, before)
		}
		a.isUp(t)
	})
}
