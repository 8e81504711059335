package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// newStaticSimulation returns two PEs without signalling, with n links configured at both.
func newStaticSimulation(t *testing.T, n int) *simulation {
	a, b := linkConfigs(n), linkConfigs(n)
	for i := range uint32(n) {
		cookie := []byte{1, 2, 3, byte(i)}
		a[i].Static = &StaticSession{LocalID: 100 + i, PeerID: 200 + i, LocalCookie: cookie}
		b[i].Static = &StaticSession{LocalID: 200 + i, PeerID: 100 + i, PeerCookie: cookie}
	}
	sim := newSimulation(t, 1, a, b)
	sim.a.cfg.Static, sim.b.cfg.Static = &StaticTunnel{3001, 4001}, &StaticTunnel{4001, 3001}
	return sim
}

// silent checks that no control message was ever sent.
func (sim *simulation) checkSilent() {
	sim.t.Helper()
	for _, p := range []*pe{sim.a, sim.b} {
		if len(p.sent) > 0 {
			sim.t.Errorf("%s sent control messages: %v", p.name, p.sent)
		}
	}
}

func TestStaticLinksComeUpWithoutSignalling(t *testing.T) {
	sim := newStaticSimulation(t, 3)
	sim.start()
	sim.allUp(10 * time.Second)
	sim.run(5 * time.Minute)
	if !sim.a.up() || !sim.b.up() {
		t.Fatalf("the links did not stay up\n%s\n%s", sim.a, sim.b)
	}
	l := sim.a.link(1)
	if s := l.Session; s == nil || s.State != control.SessionStatic || s.ID != 101 || s.PeerID != 201 || l.Failures != 0 {
		t.Errorf("link %+v, session %+v", l, s)
	}
	if c := sim.a.sessions[l.Attempt].cfg; c.LocalConnectionID != 3001 || c.PeerConnectionID != 4001 || c.MTU != 1500-40 {
		t.Errorf("data plane session %+v", c)
	}
	// Messages to pe1 carry a cookie of 4 octets.
	if to, from := sim.a.link(0).Interface.MTU, sim.b.link(0).Interface.MTU; to != 1500-40 || from != 1500-44 {
		t.Errorf("MTU %d and %d", to, from)
	}
	sim.checkSilent()
}

func TestStaticLinkAndPeerRestart(t *testing.T) {
	sim := newStaticSimulation(t, 2)
	sim.a.start()
	sim.within(5*time.Minute, "link down without an answer", sim.a.down(0))
	if l := sim.a.link(0); l.Layer != LayerLCP || l.CallAt.IsZero() {
		t.Errorf("link %+v", l)
	}
	if sim.a.repaths == 0 {
		t.Error("the path was not reopened")
	}

	sim.b.start()
	sim.allUp(2 * time.Minute)

	sim.mute = true
	sim.within(time.Minute, "links down after missed echoes", func() bool { return sim.a.down(0)() && sim.b.down(0)() })
	sim.mute = false
	sim.allUp(2 * time.Minute)

	sim.b.start() // without its state, and without a Terminate-Request
	sim.allUp(2 * time.Minute)
	sim.checkSilent()
}

// Without a CDN, a Terminate-Request of LCP notifies the peer of the end of a link.
func TestStaticLinkSendsTerminate(t *testing.T) {
	sim := newStaticSimulation(t, 1)
	sim.start()
	sim.allUp(10 * time.Second)
	sim.a.stop()
	if !sim.a.pair.Done() {
		t.Error("the pair waits for an acknowledgement")
	}
	sim.within(time.Second, "link down at the peer", sim.b.down(0))
	if l := sim.b.link(0); l.Layer != LayerLCP || !strings.Contains(l.Reason, "shutting down") {
		t.Errorf("link %+v", l)
	}
	sim.a.run(time.Minute)
	sim.a.checkGone()
	sim.checkSilent()
}

// Static links support all changes by the operator.
func TestStaticLinksAreChanged(t *testing.T) {
	sim := newStaticSimulation(t, 2)
	sim.start()
	sim.allUp(10 * time.Second)

	sim.a.step(func() { sim.a.pair.SetDisabled(sim.now, sim.a.link(0).Config.VPNID, true, &sim.a.out) })
	sim.within(time.Second, "link down at the peer", sim.b.down(0))
	sim.run(time.Minute)
	if l := sim.a.link(0); l.Up || l.Attempt != 0 || !sim.a.link(1).Up {
		t.Errorf("disabled: link %+v", l)
	}
	sim.a.step(func() { sim.a.pair.SetDisabled(sim.now, sim.a.link(0).Config.VPNID, false, &sim.a.out) })
	sim.allUp(2 * time.Minute)

	before := sim.a.link(1).Attempt
	sim.a.step(func() { sim.a.pair.Reset(sim.now, &sim.a.out) })
	sim.allUp(time.Minute)
	if sim.a.link(1).Attempt == before {
		t.Error("the reset did not start a new attempt")
	}

	removed := sim.a.link(0).Config
	sim.a.step(func() { sim.a.pair.RemoveLink(sim.now, removed.VPNID, "removed", &sim.a.out) })
	sim.within(time.Second, "link down at the peer", sim.b.down(0))
	removed.PPP.Rand = sim.random
	sim.a.step(func() { sim.a.pair.AddLink(sim.now, removed, &sim.a.out) })
	sim.allUp(2 * time.Minute)
	sim.checkSilent()
}

func TestStaticLinkRetries(t *testing.T) {
	sim := newStaticSimulation(t, 1)
	refused := errors.New("no device left")
	sim.a.refuse = func(Create) error { return refused }
	sim.start()
	sim.within(10*time.Second, "failure", sim.a.down(0))
	if l := sim.a.link(0); l.Layer != LayerDataPlane || l.Reason != refused.Error() {
		t.Errorf("link %+v", l)
	}
	sim.run(time.Minute)
	sim.a.refuse = nil
	sim.a.step(func() { sim.a.pair.RetryNow(sim.now, &sim.a.out) }) // the path is open again
	sim.allUp(time.Minute)
	sim.checkSilent()
}
