package session

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// setInterface sets the interface of the link up or down, as an operator does.
func (p *pe) setInterface(up bool) {
	p.step(func() { p.pair.InterfaceState(p.now, p.link(0).Attempt, up, &p.out) })
}

// checkPaused checks that the link is down for that reason, and that session and PPP are kept.
func (p *pe) checkPaused(reason string) {
	p.t.Helper()
	l := p.link(0)
	if l.Up || l.Reason != reason || l.Layer != LayerInterface {
		p.t.Fatalf("%s: up %v, layer %d, %q; want down because of the interface, %q", p.name, l.Up, l.Layer, l.Reason, reason)
	}
	if l.Session == nil || l.PPP == nil || l.Open != dataplane.IPv4|dataplane.IPv6 {
		p.t.Fatalf("%s: session and PPP were not kept: %s", p.name, p)
	}
	if s := p.sessions[l.Attempt]; s == nil || s.open != 0 {
		p.t.Fatalf("%s: the data plane still passes packets: %+v", p.name, s)
	}
}

// An interface that is set down here takes the link down at the peer too, until it is set up again,
// and the session stays (RFC 3931, section 5.4.5).
func TestInterfaceSetDownAndUp(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	before, other := sim.a.link(0), sim.b.link(0)
	configured := sim.a.sessions[before.Attempt]

	sim.a.setInterface(false)
	sim.a.setInterface(false) // a repetition
	sim.run(time.Second)
	sim.a.checkPaused("vl-vpn1 is administratively down")
	sim.b.checkPaused("the interface at pe1 is down")
	if n := sim.a.sent[l2tp.SLI]; n != 1 {
		t.Errorf("%d SLIs sent, want 1", n)
	}
	if !configured.iface.Up {
		t.Error("the interface was configured after the operator had set it down")
	}
	if s := sim.b.sessions[other.Attempt]; s.iface.Up || len(s.iface.Routes) != 0 {
		t.Errorf("the peer's interface is still %+v", s.iface)
	}

	// An hour is far longer than the failure of LCP echo takes, and than any timer of PPP.
	echoes := before.PPP.Echo.Sent
	sim.run(time.Hour)
	sim.a.checkPaused("vl-vpn1 is administratively down")
	sim.b.checkPaused("the interface at pe1 is down")
	if n := sim.a.link(0).PPP.Echo.Sent; n > echoes+1 {
		t.Errorf("%d echoes were sent into a session that carries no data", n-echoes)
	}
	if sim.a.countNotes("link down") != 1 || sim.b.countNotes("link down") != 1 {
		t.Errorf("notes %+v and %+v", sim.a.notes, sim.b.notes)
	}

	sim.a.setInterface(true)
	sim.allUp(time.Second)
	sim.run(time.Minute)
	after := sim.a.link(0)
	if !after.Up || after.Reason != "" || after.Session.ID != before.Session.ID || after.Attempt != before.Attempt {
		t.Errorf("the link is %+v, was %+v", after, before)
	}
	if n := sim.a.sent[l2tp.SLI]; n != 2 || sim.b.sent[l2tp.SLI] != 0 || sim.a.sent[l2tp.CDN]+sim.b.sent[l2tp.CDN] != 0 {
		t.Errorf("%d SLIs sent, want 2 and none by the peer; results %v %v", n, sim.a.results, sim.b.results)
	}
	if after.PPP.LCP != before.PPP.LCP || after.PPP.Echo.Sent == echoes {
		t.Error("LCP restarted, or no echoes were sent")
	}
}

// If the interfaces at both ends are set down, the link comes up when both are up.
func TestInterfacesSetDownAtBothEnds(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.a.setInterface(false)
	sim.b.setInterface(false)
	sim.run(time.Second)
	sim.a.checkPaused("vl-vpn1 is administratively down")
	sim.b.checkPaused("vl-vpn1 is administratively down")
	sim.a.setInterface(true)
	sim.run(time.Second)
	sim.a.checkPaused("the interface at pe2 is down")
	if s := sim.a.sessions[sim.a.link(0).Attempt]; s.iface.Up {
		t.Error("the interface is up although the peer's is down")
	}
	sim.b.setInterface(true)
	sim.allUp(time.Second)
}

// An interface that the operator has set down stays down when the path MTU changes.
func TestInterfaceSetDownIsLeftAlone(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.a.setInterface(false)
	sim.run(time.Second)
	sim.a.step(func() { sim.a.pair.SetPathMTU(sim.now, 1400, &sim.a.out) })
	sim.run(time.Second)
	if s := sim.a.sessions[sim.a.link(0).Attempt]; s.iface.MTU != 1500-48 {
		t.Errorf("the interface was configured: %+v", s.iface)
	}
	sim.a.setInterface(true)
	sim.allUp(time.Second)
	if s := sim.a.sessions[sim.a.link(0).Attempt]; s.iface.MTU != 1400-48 {
		t.Errorf("the interface does not have the MTU of the path: %+v", s.iface)
	}
}

// The interface and its state end with the attempt: the next one creates a new interface.
func TestInterfaceSetDownUntilPeerRestarts(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.a.setInterface(false)
	sim.run(time.Second)
	sim.b.start()
	sim.allUp(time.Minute)
	if l := sim.a.link(0); l.SetDown || l.Paused {
		t.Errorf("the new interface is reported as down: %+v", l)
	}
}

// If the peer's circuit is inactive from the start, the session comes up and PPP waits.
func TestPeerWithoutCircuit(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.b.latency = time.Second
	sim.start()
	sim.within(10*time.Second, "a session", func() bool { return sim.b.link(0).Attempt != 0 })
	sim.b.setInterface(false) // reported by the ICRP or ICCN, which waits for the interface
	sim.run(time.Minute)
	const reason = "the interface at pe2 is down"
	if l := sim.a.link(0); l.Up || l.Reason != reason || !l.Paused || l.Session == nil || l.Open != 0 {
		t.Errorf("%+v", l)
	}
	if sim.b.sent[l2tp.SLI] != 0 {
		t.Error("an SLI repeated the status of the ICRP or ICCN")
	}
	sim.b.setInterface(true)
	sim.allUp(10 * time.Second)
}

// Another fault, reported by a peer that supports RFC 5641, is shown with the RFC's terms.
func TestPeerWithFault(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.b.step(func() {
		sim.b.pair.order[0].session.SetCircuit(sim.now, l2tp.CircuitReceiveFault, &sim.b.out.control)
	})
	sim.run(time.Second)
	sim.a.checkPaused("the interface at pe2 is not ready: inactive,receive fault")
}
