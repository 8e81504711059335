package session

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// turn sets the interface of the link up or down, as an operator does.
func (p *pe) turn(up bool) {
	p.step(func() { p.pair.InterfaceState(p.now, p.link(0).Attempt, up, &p.out) })
}

// isPaused checks that the link is down for that reason with all that it needs to come back.
func (p *pe) isPaused(reason string) {
	p.t.Helper()
	l := p.link(0)
	if l.Up || l.Reason != reason || l.Layer != LayerInterface {
		p.t.Fatalf("%s: up %v, layer %d, %q; want down by the interface, %q", p.name, l.Up, l.Layer, l.Reason, reason)
	}
	if l.Session == nil || l.PPP == nil || l.Open != dataplane.IPv4|dataplane.IPv6 {
		p.t.Fatalf("%s: session and PPP did not stay: %s", p.name, p)
	}
	if s := p.sessions[l.Attempt]; s == nil || s.open != 0 {
		p.t.Fatalf("%s: the data plane lets packets pass: %+v", p.name, s)
	}
}

// An interface that is set down here is down at the peer too, for as long as it takes, and the
// session stays (RFC 3931, section 5.4.5).
func TestInterfaceSetDownAndUp(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	before, theirs := w.a.link(0), w.b.link(0)
	configured := w.a.sessions[before.Attempt]

	w.a.turn(false)
	w.a.turn(false) // says nothing new
	w.run(time.Second)
	w.a.isPaused("vl-vpn1 is administratively down")
	w.b.isPaused("the interface at pe1 is down")
	if n := w.a.sent[l2tp.SLI]; n != 1 {
		t.Errorf("%d SLIs sent, want 1", n)
	}
	if !configured.iface.Up {
		t.Error("the interface was configured, though the operator's word is the last")
	}
	if s := w.b.sessions[theirs.Attempt]; s.iface.Up || len(s.iface.Routes) != 0 {
		t.Errorf("the peer's interface is still %+v", s.iface)
	}

	// Far beyond what LCP echoes would bear, and any timer of PPP.
	echoes := before.PPP.Echo.Sent
	w.run(time.Hour)
	w.a.isPaused("vl-vpn1 is administratively down")
	w.b.isPaused("the interface at pe1 is down")
	if n := w.a.link(0).PPP.Echo.Sent; n > echoes+1 {
		t.Errorf("%d echoes were sent into a session that carries no data", n-echoes)
	}
	if w.a.said("link down") != 1 || w.b.said("link down") != 1 {
		t.Errorf("the log is told %+v and %+v", w.a.notes, w.b.notes)
	}

	w.a.turn(true)
	w.allUp(time.Second)
	w.run(time.Minute)
	after := w.a.link(0)
	if !after.Up || after.Reason != "" || after.Session.ID != before.Session.ID || after.Attempt != before.Attempt {
		t.Errorf("came back as %+v, was %+v", after, before)
	}
	if n := w.a.sent[l2tp.SLI]; n != 2 || w.b.sent[l2tp.SLI] != 0 || w.a.sent[l2tp.CDN]+w.b.sent[l2tp.CDN] != 0 {
		t.Errorf("%d SLIs sent, want 2 and none by the peer; results %v %v", n, w.a.results, w.b.results)
	}
	if after.PPP.LCP != before.PPP.LCP || after.PPP.Echo.Sent == echoes {
		t.Error("echoes do not go on")
	}
}

// Both ends' operators: the link is up when both interfaces are.
func TestInterfacesSetDownAtBothEnds(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	w.a.turn(false)
	w.b.turn(false)
	w.run(time.Second)
	w.a.isPaused("vl-vpn1 is administratively down")
	w.b.isPaused("vl-vpn1 is administratively down")
	w.a.turn(true)
	w.run(time.Second)
	w.a.isPaused("the interface at pe2 is down")
	if s := w.a.sessions[w.a.link(0).Attempt]; s.iface.Up {
		t.Error("the interface is up, and leads nowhere")
	}
	w.b.turn(true)
	w.allUp(time.Second)
}

// What the operator has set down stays down while the path changes.
func TestInterfaceSetDownIsLeftAlone(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	w.a.turn(false)
	w.run(time.Second)
	w.a.step(func() { w.a.pair.SetPathMTU(w.now, 1400, &w.a.out) })
	w.run(time.Second)
	if s := w.a.sessions[w.a.link(0).Attempt]; s.iface.MTU != 1500-48 {
		t.Errorf("the interface was configured: %+v", s.iface)
	}
	w.a.turn(true)
	w.allUp(time.Second)
	if s := w.a.sessions[w.a.link(0).Attempt]; s.iface.MTU != 1400-48 {
		t.Errorf("the interface does not have the MTU of the path: %+v", s.iface)
	}
}

// The interface and its state end with the attempt: the next one makes another.
func TestInterfaceSetDownUntilThePeerIsGone(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	w.a.turn(false)
	w.run(time.Second)
	w.b.start()
	w.allUp(time.Minute)
	if l := w.a.link(0); l.SetDown || l.Paused {
		t.Errorf("the new interface is said to be down: %+v", l)
	}
}

// A peer whose circuit is not active from the start: the session comes up, and PPP waits.
func TestPeerWithoutCircuit(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.b.latency = time.Second
	w.start()
	w.within(10*time.Second, "a session", func() bool { return w.b.link(0).Attempt != 0 })
	w.b.turn(false) // the ICRP or ICCN tells, which waits for the interface
	w.run(time.Minute)
	const reason = "the interface at pe2 is down"
	if l := w.a.link(0); l.Up || l.Reason != reason || !l.Paused || l.Session == nil || l.Open != 0 {
		t.Errorf("%+v", l)
	}
	if w.b.sent[l2tp.SLI] != 0 {
		t.Error("an SLI told what ICRP or ICCN had told")
	}
	w.b.turn(true)
	w.allUp(10 * time.Second)
}

// A fault of another kind, told by a peer that knows RFC 5641, is passed on in its words.
func TestPeerWithFault(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	w.b.step(func() {
		w.b.pair.order[0].session.SetCircuit(w.now, l2tp.CircuitReceiveFault, &w.b.out.control)
	})
	w.run(time.Second)
	w.a.isPaused("the interface at pe2 is not ready: inactive,receive fault")
}
