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

// The operator's doings, each a step.
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

// of is the status of a VPN's link.
func (p *pe) of(id endid.VPNID) LinkStatus {
	p.t.Helper()
	for _, l := range p.pair.Status().Links {
		if l.Config.VPNID == id {
			return l
		}
	}
	p.t.Fatalf("%s: there is no link of %s", p.name, id)
	return LinkStatus{}
}

// untouched is called before something is done to other links, and what it returns after it.
func (w *world) untouched(id endid.VPNID) func() {
	w.t.Helper()
	before := [2]LinkStatus{w.a.of(id), w.b.of(id)}
	return func() {
		w.t.Helper()
		for i, p := range []*pe{w.a, w.b} {
			now := p.of(id)
			if !now.Up || now.Since != before[i].Since || now.Attempt != before[i].Attempt {
				w.t.Errorf("%s: %s was touched: up %v since %v, %v before", p.name, id, now.Up, now.Since, before[i].Since)
			}
		}
	}
}

func TestLinksComeAndGo(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	one := w.untouched(vpn1)

	// One side has the link first: it is refused, and up as soon as the other has it too.
	w.a.add(linkConfig(2))
	w.within(10*time.Second, "refusal", w.a.down(1))
	w.run(10 * time.Minute)
	w.b.add(linkConfig(2))
	w.allUp(time.Second)
	one()

	// It goes on one side; the other hears why, and goes on to ask now and then.
	two := w.untouched(vpn2)
	w.a.add(linkConfig(3))
	w.b.add(linkConfig(3))
	w.allUp(5 * time.Second)
	w.b.remove(vpn3, "the link was removed from the configuration")
	if len(w.b.pair.order) != 2 || w.b.results[len(w.b.results)-1].Code != uint16(l2tp.CDNAdministrative) {
		t.Errorf("%d links, results %+v", len(w.b.pair.order), w.b.results)
	}
	w.run(10 * time.Minute)
	if l := w.a.of(vpn3); l.Up || l.Reason != `refused by pe2: no VPN 00005e:00000003 here for "pe1" (CDN result 5)` {
		t.Errorf("up %v, %q", l.Up, l.Reason)
	}
	w.a.remove(vpn3, "gone")
	w.run(10 * time.Minute)
	w.a.remove(vpn3, "twice")
	two()

	// Another link in its place, of the same VPN.
	w.a.remove(vpn2, "gone")
	w.a.add(linkConfig(2))
	w.allUp(5 * time.Second)
	one()
	if now := w.a.of(vpn2); now.Since == w.a.of(vpn1).Since || w.a.said("link down") != 2 {
		t.Error("the second link is the first one still")
	}

	// What is added without a connection waits for it.
	w.cut = true
	w.run(2 * time.Minute)
	w.a.add(linkConfig(3))
	w.b.add(linkConfig(3))
	w.a.remove(vpn2, "gone")
	w.b.remove(vpn2, "gone")
	w.cut = false
	w.allUp(2 * time.Minute)
	if n := len(w.a.pair.order); n != 2 {
		t.Errorf("%d links", n)
	}
	w.a.stop()
	w.b.stop()
	w.run(10 * time.Second)
	w.a.gone()
	w.b.gone()
}

// A link that is in line, or waits for its interface, can go.
func TestRemoveOfALinkOnItsWay(t *testing.T) {
	for wait := time.Duration(0); wait < 150*time.Millisecond; wait += 3 * time.Millisecond {
		w := newWorld(t, 2, linkConfigs(300), linkConfigs(300))
		w.unchecked = true
		w.start()
		w.run(wait)
		for i := range 300 {
			if i > 0 {
				w.a.remove(endid.New(0x5e, uint32(i+1)), "gone")
			}
		}
		w.unchecked = false
		w.a.step(func() {})
		w.allUp(20 * time.Second)
	}
}

func TestChangeInPlace(t *testing.T) {
	config := linkConfig(1)
	config.PPP.EchoInterval = 0
	w := newWorld(t, 3, []LinkConfig{config}, linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	one := w.untouched(vpn1)

	config.MTU = 1400
	config.Routes = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8:1::/48")}
	config.Addresses = []netip.Prefix{netip.MustParsePrefix("2001:db8::1/64")}
	config.PPP.EchoInterval, config.PPP.EchoFails = 2*time.Second, 4
	w.a.change(config)
	w.allUp(time.Second)
	i := w.a.sessions[w.a.of(vpn1).Attempt].iface
	if i.MTU != 1400 || !slices.Equal(i.Routes, config.Routes) || !slices.Equal(i.Addresses, config.Addresses) || !i.Up {
		t.Errorf("the interface is %+v", i)
	}
	w.run(21 * time.Second)
	if echo := w.a.of(vpn1).PPP.Echo; echo.Sent != 10 || echo.Lost != 0 {
		t.Errorf("%d echoes in 21 s, %d lost", echo.Sent, echo.Lost)
	}

	config.MTU, config.Routes, config.Addresses = 0, nil, nil
	config.PPP.EchoInterval = 0
	w.a.change(config)
	w.run(time.Minute)
	i = w.a.sessions[w.a.of(vpn1).Attempt].iface
	if i.MTU <= 1400 || len(i.Routes)+len(i.Addresses) != 0 || w.a.of(vpn1).PPP.Echo.Sent != 10 {
		t.Errorf("the interface is %+v, %d echoes", i, w.a.of(vpn1).PPP.Echo.Sent)
	}
	one()

	// A link that is down has them when it comes up.
	config.MTU = 1300
	w.a.disable(vpn1, true)
	w.a.change(config)
	w.a.disable(vpn1, false)
	w.allUp(10 * time.Second)
	if i := w.a.sessions[w.a.of(vpn1).Attempt].iface; i.MTU != 1300 {
		t.Errorf("MTU %d", i.MTU)
	}
	w.a.change(linkConfig(7)) // there is none
}

func TestDisabledLink(t *testing.T) {
	w := newWorld(t, 4, linkConfigs(2), linkConfigs(2))
	w.start()
	w.allUp(10 * time.Second)
	two := w.untouched(vpn2)

	w.a.disable(vpn1, true)
	w.run(time.Hour)
	if l := w.a.of(vpn1); l.Up || !l.Config.Disabled || l.Reason != "administratively down" || l.Session != nil {
		t.Errorf("at pe1: %+v", l)
	}
	l := w.b.of(vpn1)
	if l.Up || l.Refused != l2tp.CDNAdministrative || l.Reason != "refused by pe1: VPN 00005e:00000001 is administratively down here (CDN result 3)" {
		t.Errorf("at pe2: up %v, %q", l.Up, l.Reason)
	}
	two()
	// A new connection does not bring it up either, nor does a reset.
	w.b.start()
	w.a.step(func() { w.a.pair.ResetLink(w.now, vpn1, &w.a.out) })
	w.within(time.Minute, "the other link", func() bool { return w.b.of(vpn2).Up && w.a.of(vpn2).Up })
	w.run(time.Minute)
	if w.a.of(vpn1).Up || w.a.sent[l2tp.ICRQ] > 4 {
		t.Errorf("up, or asked for: %d ICRQs", w.a.sent[l2tp.ICRQ])
	}
	two = w.untouched(vpn2)
	w.a.disable(vpn1, false)
	w.a.disable(vpn1, false)
	w.allUp(time.Second)
	two()
	if w.a.said("link disabled by the operator") != 1 || w.a.said("link enabled by the operator") != 1 {
		t.Errorf("the log: %+v", w.a.notes)
	}
}

func TestReset(t *testing.T) {
	w := newWorld(t, 5, linkConfigs(2), linkConfigs(2))
	w.start()
	w.allUp(10 * time.Second)
	two := w.untouched(vpn2)
	since := w.a.of(vpn1).Since
	w.a.step(func() { w.a.pair.ResetLink(w.now, vpn1, &w.a.out) })
	if w.a.of(vpn1).Up {
		t.Error("up")
	}
	w.allUp(time.Second)
	two()
	if last := w.a.results[len(w.a.results)-1]; w.a.of(vpn1).Since == since || string(last.Message) != "reset by the operator" {
		t.Errorf("result %+v", last)
	}

	// Of a link that waits for its next attempt, it is the end of waiting.
	w.a.add(linkConfig(3))
	w.run(10 * time.Minute)
	sent := w.a.sent[l2tp.ICRQ]
	w.a.step(func() { w.a.pair.ResetLink(w.now, vpn3, &w.a.out) })
	if w.a.sent[l2tp.ICRQ] != sent+1 {
		t.Error("the peer is not asked at once")
	}
	w.a.remove(vpn3, "gone")

	connection := w.a.pair.Status().Connection.ID
	w.b.step(func() { w.b.pair.Reset(w.now, &w.b.out) })
	if w.b.of(vpn2).Up {
		t.Error("up")
	}
	w.run(time.Second)
	w.allUp(10 * time.Second)
	if now := w.a.pair.Status(); now.Connection.ID == connection {
		t.Error("the connection is the same")
	}
}

func TestReconfigure(t *testing.T) {
	w := newWorld(t, 6, linkConfigs(1), linkConfigs(1))
	w.a.cfg.Control.Role, w.b.cfg.Control.Role = control.Passive, control.Passive
	for _, p := range []*pe{w.a, w.b} {
		p.cfg.Links[0].PPP.EchoInterval = 0
		p.cfg.Control.Hello = time.Hour
	}
	w.start()
	w.run(time.Hour)
	reconfigure := func(p *pe, change func(*control.Config), elsewhere ...endid.VPNID) {
		change(&p.cfg.Control)
		p.step(func() { p.pair.Reconfigure(p.now, p.cfg.Control, elsewhere, &p.out) })
	}
	if w.a.of(vpn1).Up {
		t.Fatal("nobody calls, and the link is up")
	}
	reconfigure(w.b, func(c *control.Config) { c.Role = control.Active })
	w.allUp(10 * time.Second)
	one := w.untouched(vpn1)

	connection := w.a.pair.Status().Connection.ID
	reconfigure(w.a, func(c *control.Config) { c.Hello = 10 * time.Second })
	w.run(time.Minute)
	if n := w.a.sent[l2tp.HELLO]; n < 5 {
		t.Errorf("%d Hellos in a minute", n)
	}
	reconfigure(w.a, func(c *control.Config) { c.NextSecret = []byte("other") })
	reconfigure(w.b, func(c *control.Config) { c.Secret = []byte("other") })
	reconfigure(w.a, func(c *control.Config) {
		c.Secret, c.NextSecret, c.Digest = []byte("other"), nil, l2tp.DigestHMACMD5
		c.Timing.MaxRetries = 2
	}, vpn2)
	w.run(time.Hour)
	one()
	if w.a.pair.Status().Connection.ID != connection {
		t.Error("the connection is another one")
	}
	if astray, known := w.a.pair.Status().Astray[vpn2]; !known || !astray.IsZero() {
		t.Errorf("elsewhere: %v", w.a.pair.Status().Astray)
	}
	w.b.add(linkConfig(2))
	w.within(time.Second, "refusal", w.b.down(1))
	reconfigure(w.a, func(*control.Config) {}, vpn3)
	if status := w.a.pair.Status(); len(status.Astray) != 1 {
		t.Errorf("elsewhere: %v", status.Astray)
	}
	// A peer that falls silent is found out by the new timing.
	w.cut = true
	w.within(20*time.Second, "silence", func() bool { return w.a.pair.Status().Connection == nil })
}

// Whatever operators do at both ends, over a bad network: what both have at the end comes up.
func TestChangesAtRandom(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed, linkConfigs(3), linkConfigs(3))
		w.loss, w.jitter = 0.05, 20*time.Millisecond
		w.start()
		for range 60 {
			w.run(time.Duration(w.rng.Int64N(int64(3 * time.Second))))
			p := w.a
			if w.rng.IntN(2) == 0 {
				p = w.b
			}
			lc := linkConfig(1 + w.rng.Uint32N(5))
			lc.MTU = 1300 + w.rng.IntN(100)
			lc.PPP.EchoInterval = time.Duration(w.rng.IntN(3)) * time.Second
			switch w.rng.IntN(7) {
			case 0, 1:
				p.remove(lc.VPNID, "gone")
			case 2, 3:
				if p.pair.links[lc.VPNID] == nil {
					p.add(lc)
				}
			case 4:
				p.change(lc)
			case 5:
				p.disable(lc.VPNID, w.rng.IntN(3) == 0)
			default:
				p.step(func() { p.pair.ResetLink(w.now, lc.VPNID, &p.out) })
				if w.rng.IntN(4) == 0 {
					p.step(func() { p.pair.Reset(w.now, &p.out) })
				}
			}
		}
		for _, p := range []*pe{w.a, w.b} {
			for _, l := range slices.Clone(p.pair.order) {
				p.disable(l.VPNID, false)
			}
		}
		w.loss, w.jitter = 0, 0
		w.allUp(3 * time.Minute)
		w.a.stop()
		w.b.stop()
		w.run(10 * time.Second)
		w.a.gone()
		w.b.gone()
	}
}
