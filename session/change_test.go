package session

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

var vpn1, vpn2, vpn3 = endid.New(0x5e, 1), endid.New(0x5e, 2), endid.New(0x5e, 3)

// The actions of the operator, each as a step.
func (p *pe) add(lc LinkConfig) {
	lc.PPP.Rand = p.random
	p.step(func() { p.pair.AddLink(p.now, lc, &p.out) })
}

func (p *pe) remove(id endid.VPNID, why string) {
	p.step(func() { p.pair.RemoveLink(p.now, id, why, &p.out) })
}

func (p *pe) change(lc LinkConfig) { p.step(func() { p.pair.ChangeLink(p.now, lc, &p.out) }) }

func (p *pe) disable(id endid.VPNID, disabled bool) {
	p.step(func() { p.pair.SetDisabled(p.now, id, disabled, &p.out) })
}

// of returns the status of a VPN's link.
func (p *pe) of(id endid.VPNID) LinkStatus {
	p.t.Helper()
	for _, l := range p.pair.Status().Links {
		if l.Config.VPNID == id {
			return l
		}
	}
	p.t.Fatalf("%s: no link of %s", p.name, id)
	return LinkStatus{}
}

// checkUntouched records the state of a link before an action on other links. The function that it
// returns checks after the action that the link has stayed up.
func (sim *simulation) checkUntouched(id endid.VPNID) func() {
	sim.t.Helper()
	before := [2]LinkStatus{sim.a.of(id), sim.b.of(id)}
	return func() {
		sim.t.Helper()
		for i, p := range []*pe{sim.a, sim.b} {
			now := p.of(id)
			if !now.Up || now.Since != before[i].Since || now.Attempt != before[i].Attempt {
				sim.t.Errorf("%s: %s did not stay up: up %v since %v, %v before", p.name, id, now.Up, now.Since, before[i].Since)
			}
		}
	}
}

func TestAddAndRemoveLinks(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	one := sim.checkUntouched(vpn1)

	// One end adds the link first: it is refused, and comes up as soon as the other end adds it
	// too.
	sim.a.add(linkConfig(2))
	sim.within(10*time.Second, "refusal", sim.a.down(1))
	sim.run(10 * time.Minute)
	sim.b.add(linkConfig(2))
	sim.allUp(time.Second)
	one()

	// One end removes it; the other receives the reason and keeps requesting it with back-off.
	two := sim.checkUntouched(vpn2)
	sim.a.add(linkConfig(3))
	sim.b.add(linkConfig(3))
	sim.allUp(5 * time.Second)
	sim.b.remove(vpn3, "the link was removed from the configuration")
	if len(sim.b.pair.order) != 2 || sim.b.results[len(sim.b.results)-1].Code != uint16(l2tp.CDNAdministrative) {
		t.Errorf("%d links, results %+v", len(sim.b.pair.order), sim.b.results)
	}
	sim.run(10 * time.Minute)
	if l := sim.a.of(vpn3); l.Up || l.Reason != `refused by pe2: VPN-ID 00005e:00000003 is not configured for peer "pe1" (CDN result 5)` {
		t.Errorf("up %v, %q", l.Up, l.Reason)
	}
	sim.a.remove(vpn3, "gone")
	sim.run(10 * time.Minute)
	sim.a.remove(vpn3, "twice")
	two()

	// Another link of the same VPN replaces it.
	sim.a.remove(vpn2, "gone")
	sim.a.add(linkConfig(2))
	sim.allUp(5 * time.Second)
	one()
	if now := sim.a.of(vpn2); now.Since == sim.a.of(vpn1).Since || sim.a.countNotes("link down") != 2 {
		t.Error("the second link has the state of the first one")
	}

	// A link added while the connection is down waits for it.
	sim.cut = true
	sim.run(2 * time.Minute)
	sim.a.add(linkConfig(3))
	sim.b.add(linkConfig(3))
	sim.a.remove(vpn2, "gone")
	sim.b.remove(vpn2, "gone")
	sim.cut = false
	sim.allUp(2 * time.Minute)
	if n := len(sim.a.pair.order); n != 2 {
		t.Errorf("%d links", n)
	}
	sim.a.stop()
	sim.b.stop()
	sim.run(10 * time.Second)
	sim.a.checkGone()
	sim.b.checkGone()
}

// A link can be removed while its request is queued or its interface is being created.
func TestRemoveStartingLinks(t *testing.T) {
	for wait := time.Duration(0); wait < 150*time.Millisecond; wait += 3 * time.Millisecond {
		sim := newSimulation(t, 2, linkConfigs(300), linkConfigs(300))
		sim.unchecked = true
		sim.start()
		sim.run(wait)
		for i := range 300 {
			if i > 0 {
				sim.a.remove(endid.New(0x5e, uint32(i+1)), "gone")
			}
		}
		sim.unchecked = false
		sim.a.step(func() {})
		sim.allUp(20 * time.Second)
	}
}

func TestChangeInPlace(t *testing.T) {
	config := linkConfig(1)
	config.PPP.EchoInterval = 0
	sim := newSimulation(t, 3, []LinkConfig{config}, linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	one := sim.checkUntouched(vpn1)

	config.MTU = 1400
	config.Routes = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8:1::/48")}
	config.Addresses = []netip.Prefix{netip.MustParsePrefix("2001:db8::1/64")}
	config.PPP.EchoInterval, config.PPP.EchoFails = 2*time.Second, 4
	sim.a.change(config)
	sim.allUp(time.Second)
	i := sim.a.sessions[sim.a.of(vpn1).Attempt].iface
	if i.MTU != 1400 || !slices.Equal(i.Routes, config.Routes) || !slices.Equal(i.Addresses, config.Addresses) || !i.Up {
		t.Errorf("the interface is %+v", i)
	}
	sim.run(21 * time.Second)
	if echo := sim.a.of(vpn1).PPP.Echo; echo.Sent != 10 || echo.Lost != 0 {
		t.Errorf("%d echoes in 21 s, %d lost", echo.Sent, echo.Lost)
	}

	config.MTU, config.Routes, config.Addresses = 0, nil, nil
	config.PPP.EchoInterval = 0
	sim.a.change(config)
	sim.run(time.Minute)
	i = sim.a.sessions[sim.a.of(vpn1).Attempt].iface
	if i.MTU <= 1400 || len(i.Routes)+len(i.Addresses) != 0 || sim.a.of(vpn1).PPP.Echo.Sent != 10 {
		t.Errorf("interface %+v, %d echoes", i, sim.a.of(vpn1).PPP.Echo.Sent)
	}
	one()

	// The values apply to a link that is down when it comes up.
	config.MTU = 1300
	sim.a.disable(vpn1, true)
	sim.a.change(config)
	sim.a.disable(vpn1, false)
	sim.allUp(10 * time.Second)
	if i := sim.a.sessions[sim.a.of(vpn1).Attempt].iface; i.MTU != 1300 {
		t.Errorf("MTU %d", i.MTU)
	}
	sim.a.change(linkConfig(7)) // not configured: no effect
}

func TestDisabledLink(t *testing.T) {
	sim := newSimulation(t, 4, linkConfigs(2), linkConfigs(2))
	sim.start()
	sim.allUp(10 * time.Second)
	two := sim.checkUntouched(vpn2)

	sim.a.disable(vpn1, true)
	sim.run(time.Hour)
	if l := sim.a.of(vpn1); l.Up || !l.Config.Disabled || l.Reason != "administratively down" || l.Session != nil {
		t.Errorf("at pe1: %+v", l)
	}
	l := sim.b.of(vpn1)
	if l.Up || l.Refused != l2tp.CDNAdministrative || l.Reason != "refused by pe1: VPN 00005e:00000001 is administratively down here (CDN result 3)" {
		t.Errorf("at pe2: up %v, %q", l.Up, l.Reason)
	}
	two()
	// A new connection does not bring it up either, nor does a reset.
	sim.b.start()
	sim.a.step(func() { sim.a.pair.ResetLink(sim.now, vpn1, &sim.a.out) })
	sim.within(time.Minute, "the other link", func() bool { return sim.b.of(vpn2).Up && sim.a.of(vpn2).Up })
	sim.run(time.Minute)
	if sim.a.of(vpn1).Up || sim.a.sent[l2tp.ICRQ] > 4 {
		t.Errorf("the disabled link is up or was requested: %d ICRQs", sim.a.sent[l2tp.ICRQ])
	}
	two = sim.checkUntouched(vpn2)
	sim.a.disable(vpn1, false)
	sim.a.disable(vpn1, false)
	sim.allUp(time.Second)
	two()
	if sim.a.countNotes("link disabled by the operator") != 1 || sim.a.countNotes("link enabled by the operator") != 1 {
		t.Errorf("notes %+v", sim.a.notes)
	}
}

func TestReset(t *testing.T) {
	sim := newSimulation(t, 5, linkConfigs(2), linkConfigs(2))
	sim.start()
	sim.allUp(10 * time.Second)
	two := sim.checkUntouched(vpn2)
	since := sim.a.of(vpn1).Since
	sim.a.step(func() { sim.a.pair.ResetLink(sim.now, vpn1, &sim.a.out) })
	if sim.a.of(vpn1).Up {
		t.Error("up")
	}
	sim.allUp(time.Second)
	two()
	if last := sim.a.results[len(sim.a.results)-1]; sim.a.of(vpn1).Since == since || string(last.Message) != "reset by the operator" {
		t.Errorf("result %+v", last)
	}

	// A reset of a link that waits for its next attempt starts it at once.
	sim.a.add(linkConfig(3))
	sim.run(10 * time.Minute)
	sent := sim.a.sent[l2tp.ICRQ]
	sim.a.step(func() { sim.a.pair.ResetLink(sim.now, vpn3, &sim.a.out) })
	if sim.a.sent[l2tp.ICRQ] != sent+1 {
		t.Error("no ICRQ was sent at once")
	}
	sim.a.remove(vpn3, "gone")

	connection := sim.a.pair.Status().Connection.ID
	sim.b.step(func() { sim.b.pair.Reset(sim.now, &sim.b.out) })
	if sim.b.of(vpn2).Up {
		t.Error("up")
	}
	sim.run(time.Second)
	sim.allUp(10 * time.Second)
	if now := sim.a.pair.Status(); now.Connection.ID == connection {
		t.Error("the connection is the same")
	}
}

func TestReconfigure(t *testing.T) {
	sim := newSimulation(t, 6, linkConfigs(1), linkConfigs(1))
	sim.a.cfg.Control.Role, sim.b.cfg.Control.Role = control.Passive, control.Passive
	for _, p := range []*pe{sim.a, sim.b} {
		p.cfg.Links[0].PPP.EchoInterval = 0
		p.cfg.Control.Hello = time.Hour
	}
	sim.start()
	sim.run(time.Hour)
	reconfigure := func(p *pe, change func(*control.Config), otherClass ...endid.VPNID) {
		change(&p.cfg.Control)
		p.step(func() { p.pair.Reconfigure(p.now, p.cfg.Control, otherClass, &p.out) })
	}
	if sim.a.of(vpn1).Up {
		t.Fatal("the link is up although both ends are passive")
	}
	reconfigure(sim.b, func(c *control.Config) { c.Role = control.Active })
	sim.allUp(10 * time.Second)
	one := sim.checkUntouched(vpn1)

	connection := sim.a.pair.Status().Connection.ID
	reconfigure(sim.a, func(c *control.Config) { c.Hello = 10 * time.Second })
	sim.run(time.Minute)
	if n := sim.a.sent[l2tp.HELLO]; n < 5 {
		t.Errorf("%d Hellos in a minute", n)
	}
	reconfigure(sim.a, func(c *control.Config) { c.NextSecret = []byte("other") })
	reconfigure(sim.b, func(c *control.Config) { c.Secret = []byte("other") })
	reconfigure(sim.a, func(c *control.Config) {
		c.Secret, c.NextSecret, c.Digest = []byte("other"), nil, l2tp.DigestHMACMD5
		c.Timing.MaxRetries = 2
	}, vpn2)
	sim.run(time.Hour)
	one()
	if sim.a.pair.Status().Connection.ID != connection {
		t.Error("the connection was replaced")
	}
	if wrongClass, known := sim.a.pair.Status().WrongClass[vpn2]; !known || !wrongClass.IsZero() {
		t.Errorf("wrong class: %v", sim.a.pair.Status().WrongClass)
	}
	sim.b.add(linkConfig(2))
	sim.within(time.Second, "refusal", sim.b.down(1))
	reconfigure(sim.a, func(*control.Config) {}, vpn3)
	if status := sim.a.pair.Status(); len(status.WrongClass) != 1 {
		t.Errorf("wrong class: %v", status.WrongClass)
	}
	// A silent peer is detected with the new timing.
	sim.cut = true
	sim.within(20*time.Second, "silence", func() bool { return sim.a.pair.Status().Connection == nil })
}

// After random changes at both ends over a bad network, all links configured at both ends come up.
func TestChangesAtRandom(t *testing.T) {
	for seed := range uint64(30) {
		sim := newSimulation(t, seed, linkConfigs(3), linkConfigs(3))
		sim.loss, sim.jitter = 0.05, 20*time.Millisecond
		sim.start()
		for range 60 {
			sim.run(time.Duration(sim.rng.Int64N(int64(3 * time.Second))))
			p := sim.a
			if sim.rng.IntN(2) == 0 {
				p = sim.b
			}
			lc := linkConfig(1 + sim.rng.Uint32N(5))
			lc.MTU = 1300 + sim.rng.IntN(100)
			lc.PPP.EchoInterval = time.Duration(sim.rng.IntN(3)) * time.Second
			switch sim.rng.IntN(7) {
			case 0, 1:
				p.remove(lc.VPNID, "gone")
			case 2, 3:
				if p.pair.links[lc.VPNID] == nil {
					p.add(lc)
				}
			case 4:
				p.change(lc)
			case 5:
				p.disable(lc.VPNID, sim.rng.IntN(3) == 0)
			default:
				p.step(func() { p.pair.ResetLink(sim.now, lc.VPNID, &p.out) })
				if sim.rng.IntN(4) == 0 {
					p.step(func() { p.pair.Reset(sim.now, &p.out) })
				}
			}
		}
		for _, p := range []*pe{sim.a, sim.b} {
			for _, l := range slices.Clone(p.pair.order) {
				p.disable(l.VPNID, false)
			}
		}
		sim.loss, sim.jitter = 0, 0
		sim.allUp(3 * time.Minute)
		sim.a.stop()
		sim.b.stop()
		sim.run(10 * time.Second)
		sim.a.checkGone()
		sim.b.checkGone()
	}
}
