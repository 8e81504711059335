package daemon

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
)

// change changes the daemon's configuration file and makes the daemon reload it.
func (o *operator) change(t *testing.T, change func(*config.Config)) {
	t.Helper()
	changed := o.logged("configuration applied")
	o.write(change)
	pass(10 * time.Second)
	if o.logged("configuration applied") != changed+1 {
		t.Fatalf("the configuration was not applied; log: %v", o.logs.TakeAll())
	}
}

// untouched is called before other links are changed; the function that it returns is called after
// it, and fails the test if the link of the VPN has restarted.
func untouched(t *testing.T, vpn string, pes ...*pe) func() {
	t.Helper()
	type at struct {
		since   time.Time
		session string
	}
	look := func(p *pe) at {
		t.Helper()
		l := p.linkOf(t, vpn)
		if l.State != api.LinkUp {
			t.Fatalf("%s is %s at %s: %s", vpn, l.State, p.cfg().Local.HostName, l.Reason)
		}
		for _, s := range ask0(t, p.Sessions) {
			if s.VPN == vpn {
				return at{l.Since, s.LocalID}
			}
		}
		return at{}
	}
	var before []at
	for _, p := range pes {
		before = append(before, look(p))
	}
	return func() {
		t.Helper()
		for i, p := range pes {
			if now := look(p); now != before[i] {
				t.Errorf("link of %s restarted at %s: %v, before %v", vpn, p.cfg().Local.HostName, now, before[i])
			}
		}
	}
}

// ask0 returns an answer of the API that needs no parameters.
func ask0[T any](t *testing.T, f func(context.Context) (T, error)) T {
	t.Helper()
	answer, err := f(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// vpn returns the configuration of another VPN like those of newPE.
func vpn(like config.VPN, name string, index uint32) config.VPN {
	like.Name, like.VPNID, like.VR = name, endid.New(0x5e, index), config.VR{NetNS: name}
	like.Links = slices.Clone(like.Links)
	like.Links[0].Interface = "vl-" + name
	return like
}

// A VPN is added, changed, moved to another virtual router and removed; the other VPN's link never
// restarts.
func TestChangeOfOneVPNDoesNotAffectAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		blue := untouched(t, "blue", a, b)
		oa, ob := operate(t, a), operate(t, b)
		for _, o := range []*operator{oa, ob} {
			o.change(t, func(c *config.Config) { c.VPNs = append(c.VPNs, vpn(c.VPNs[0], "red", 2)) })
		}
		a.isUp(t)
		blue()

		// Changed in place.
		red := untouched(t, "red", a, b)
		oa.change(t, func(c *config.Config) {
			c.VPNs[1].MTU = 1400
			c.VPNs[1].Links[0].Routes = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
			c.VPNs[1].Echo.Interval = time.Second
		})
		if i := a.vrs.at("red/vl-red"); i.MTU != 1400 || len(i.Routes) != 1 || !i.Up {
			t.Errorf("interface %+v", i)
		}
		red()

		// Another interface name and another virtual router: the link restarts.
		oa.change(t, func(c *config.Config) {
			c.VPNs[1].VR.NetNS = "scarlet"
			c.VPNs[1].Links[0].Interface = "vl-scarlet"
		})
		a.isUp(t)
		if i := a.vrs.at("scarlet/vl-scarlet"); !i.Up || !slices.Equal(a.vrs.released, []string{"netns red"}) {
			t.Errorf("interface %+v; released virtual routers %q", i, a.vrs.released)
		}
		if a.linkOf(t, "red").Reason != "" || b.logged("link down") != 1 {
			t.Errorf("pe2 logged link down %d times, want 1; red at pe1: %q", b.logged("link down"), a.linkOf(t, "red").Reason)
		}

		// Another VPN-ID at both ends.
		for _, o := range []*operator{oa, ob} {
			o.change(t, func(c *config.Config) { c.VPNs[1].VPNID = endid.New(0x5e, 7) })
		}
		pass(time.Minute)
		a.isUp(t)

		// The VPN is renamed here, which does not affect the peer, and then removed.
		oa.change(t, func(c *config.Config) { c.VPNs[1].Name = "crimson" })
		a.isUp(t)
		oa.change(t, func(c *config.Config) { c.VPNs = c.VPNs[:1] })
		if links := a.allLinks(t); len(links) != 1 || len(a.loops()[0].links) != 1 {
			t.Errorf("links after the removal: %+v", links)
		}
		if _, _, sessions := a.plane.count(); sessions != 1 {
			t.Errorf("%d sessions, want 1", sessions)
		}
		if l := b.linkOf(t, "red"); l.State != api.LinkDown || !strings.Contains(l.Reason, "refused by pe1: VPN-ID") {
			t.Errorf("red at pe2: %+v", l)
		}
		blue()

		// The same configuration again changes nothing.
		oa.write(func(*config.Config) {})
		if a.logged("configuration unchanged") != 1 {
			t.Error("the same configuration was not reported as unchanged")
		}
	})
}

// A peer is added, changed and removed: its connection and all of its links restart, and those of
// another peer do not.
func TestChangeOfAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("blue")
		c := newPE(n, "pe3", "192.0.2.3", "pe1", "192.0.2.1", "green")
		for _, p := range []*pe{a, b, c} {
			p.start(t)
		}
		pass(10 * time.Second)
		blue := untouched(t, "blue", a, b)
		oa := operate(t, a)
		green := func(cfg *config.Config) {
			peer := cfg.Peers[0]
			peer.Name, peer.Address = "pe3", netip.MustParseAddr("192.0.2.3")
			cfg.Peers = append(cfg.Peers, peer)
			v := vpn(cfg.VPNs[0], "green", 1)
			v.VPNID = endid.New(0x5e, 9)
			v.Links[0].Peer = "pe3"
			cfg.VPNs = append(cfg.VPNs, v)
		}
		operate(t, c).change(t, func(cfg *config.Config) { cfg.VPNs[0].VPNID = endid.New(0x5e, 9) })
		oa.change(t, green)
		pass(time.Minute)
		a.isUp(t)
		blue()
		if peers := ask0(t, a.Peers); len(peers) != 2 {
			t.Errorf("peers %+v", peers)
		}

		// Other authentication: the connection restarts.
		opened, _, _ := a.plane.count()
		oa.change(t, func(cfg *config.Config) {
			cfg.Peers[1].Authentication, cfg.Peers[1].Secret = config.AuthenticationNone, nil
		})
		if now, open, _ := a.plane.count(); now == opened || open != 2 {
			t.Errorf("%d tunnels opened, before %d; %d open, want 2", now, opened, open)
		}
		if l := c.linkOf(t, "green"); l.State == api.LinkUp {
			t.Error("green is up without the secret")
		}
		oa.change(t, func(cfg *config.Config) {
			cfg.Peers[1].Authentication, cfg.Peers[1].Secret = "", config.Secret("secret")
		})
		pass(2 * time.Minute)
		a.isUp(t)
		blue()

		oa.change(t, func(cfg *config.Config) { cfg.Peers, cfg.VPNs = cfg.Peers[:1], cfg.VPNs[:1] })
		if len(ask0(t, a.Peers)) != 1 || len(a.loops()) != 1 {
			t.Error("the removed peer still exists")
		}
		if _, open, sessions := a.plane.count(); open != 1 || sessions != 1 {
			t.Errorf("%d tunnels and %d sessions, want 1 and 1", open, sessions)
		}
		if l := c.linkOf(t, "green"); !strings.Contains(l.Reason, "") || l.State == api.LinkUp {
			t.Errorf("green at pe3: %+v", l)
		}
		if c.logs.FilterMessage("control connection down").Len() == 0 {
			t.Error("pe3 was not notified of the end of the connection")
		}
		blue()
	})
}

// A configuration that requires a restart, or sockets that cannot be opened, changes nothing.
func TestRejectedChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		blue, red := untouched(t, "blue", a, b), untouched(t, "red", a, b)
		before := a.running.Load()
		o := operate(t, a)
		o.write(func(c *config.Config) {
			c.Local.HostName = "pe9"
			c.VPNs = nil
		})
		lines := a.logs.FilterMessage("configuration not applied, nothing changed").All()
		const want = "local.hostname pe1 → pe9: requires a restart of l2tpvld; nothing was changed"
		if len(lines) != 1 || lines[0].ContextMap()["reason"] != want {
			t.Errorf("logged %v", lines)
		}
		o.file = *a.cfg()
		a.portTaken = errors.New("address in use")
		o.write(func(c *config.Config) {
			c.Peers[0].Encapsulation, c.VPNs = config.EncapsulationIP, nil
		})
		pass(time.Minute)
		if a.running.Load() != before || a.logged("configuration applied") != 0 {
			t.Error("the running configuration was changed")
		}
		if lines := a.logs.FilterMessage("configuration not applied, nothing changed").All(); len(lines) != 2 {
			t.Errorf("logged %v", lines)
		}
		blue()
		red()
	})
}

// A link that becomes protected leaves the clear connection before it is added to the protected
// one.
func TestChangeOfTheClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b := protectedPEs(t)
		var clear atomic.Int64
		a.plane.network.seen = func(_ []byte, from, _ netip.AddrPort) {
			if from.Port() == 1702 {
				clear.Add(1)
			}
		}
		a.start(t)
		b.start(t)
		s.set(true, a, b)
		pass(20 * time.Second)
		a.isUp(t)
		oa, ob := operate(t, a), operate(t, b)
		class := func(class config.IPsec) func(*config.Config) {
			return func(c *config.Config) {
				for i := range c.VPNs {
					c.VPNs[i].Links[0].IPsec = class
				}
			}
		}
		for range 2 {
			for _, class := range []func(*config.Config){class(config.IPsecNone), class(config.IPsecRequired)} {
				oa.change(t, class)
				ob.change(t, class)
				s.set(true, a, b)
				pass(2 * time.Minute)
				a.isUp(t)
				b.isUp(t)
				if n := len(a.loops()); n != 1 {
					t.Errorf("%d loops, want 1", n)
				}
			}
		}
		sent := clear.Load()
		pass(time.Hour)
		if n := clear.Load() - sent; n != 0 {
			t.Errorf("%d messages sent in the clear while all links are protected", n)
		}
		if !slices.Contains(a.guard.calls, "release pe2") {
			t.Errorf("calls of the guard %q, want release pe2 among them", a.guard.calls)
		}
	})
}

// upWithRedProtected returns two PEs with all links up; that of red is protected.
func upWithRedProtected(t *testing.T) (a, b *pe) {
	t.Helper()
	n, a, b := twoPEs("blue", "red", "green")
	for _, p := range []*pe{a, b} {
		p.reconfigure(protect(1))
	}
	s := ipsecBetween(n)
	a.start(t)
	b.start(t)
	s.set(true, a, b)
	pass(time.Minute)
	a.isUp(t)
	return a, b
}

// However long the kernel takes to remove a clear link: it is not added as a protected link before,
// and other links are not affected.
func TestClearIsGoneBeforeProtected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := upWithRedProtected(t)
		red, green := untouched(t, "red", a, b), untouched(t, "green", a, b)
		protected := func(c *config.Config) { c.VPNs[0].Links[0].IPsec = config.IPsecRequired }
		release := make(chan struct{})
		a.plane.closing = func() { <-release }
		operate(t, b).change(t, protected)
		oa := operate(t, a)
		oa.write(protected)
		pass(10 * removalTimeout)
		for _, tunnel := range a.plane.tunnels {
			// The kernel has not removed the clear session of blue yet.
			if n := len(tunnel.all()); tunnel.cfg.Protected && n != 1 || !tunnel.cfg.Protected && n > 2 {
				t.Errorf("%d sessions in tunnel %+v", n, tunnel.cfg)
			}
		}
		if n := a.logged("configuration applied"); n != 0 {
			t.Error("the change was logged as applied before it was")
		}
		red()
		green()
		close(release)
		pass(2 * time.Minute)
		a.isUp(t)
		b.isUp(t)
		if l := a.linkOf(t, "blue"); l.IPsec != "required" || l.ESP == "" {
			t.Errorf("blue: %+v", l)
		}
		red()
		green()
	})
}

// A daemon that is stopped does not wait until the kernel has removed a link that becomes
// protected.
func TestStopWhileClearGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := upWithRedProtected(t)
		release := make(chan struct{})
		a.plane.closing = func() { <-release }
		operate(t, a).write(func(c *config.Config) { c.VPNs[0].Links[0].IPsec = config.IPsecRequired })
		pass(10 * removalTimeout)
		time.AfterFunc(10*time.Second, func() { close(release) })
		a.stop()
		if _, open, sessions := a.plane.count(); open != 0 || sessions != 0 {
			t.Errorf("%d tunnels and %d sessions, want none", open, sessions)
		}
		for _, tunnel := range a.plane.tunnels {
			if tunnel.cfg.Protected && len(tunnel.all()) > 0 {
				t.Error("the protected session was created")
			}
		}
	})
}

// The API answers while the configuration changes.
func TestAnswersDuringChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		a.start(t)
		b.start(t)
		pass(10 * time.Second)
		o := operate(t, a)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 200 {
				ask0(t, a.Links)
				time.Sleep(50 * time.Millisecond)
			}
		}()
		for i := range 4 {
			o.change(t, func(c *config.Config) { c.Peers[0].Port = uint16(1702 + (i+1)%2) })
		}
		<-done
	})
}
