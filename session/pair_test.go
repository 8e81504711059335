package session

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// The side that has made the connection asks first, so that there is no tie: one call for each VPN,
// whoever starts.
func TestOneCallForEachVPN(t *testing.T) {
	for _, tt := range []struct {
		a, b  control.Role
		first time.Duration // by which pe1 is ahead
	}{
		{control.Active, control.Passive, 0},
		{control.Passive, control.Active, 0},
		{control.Both, control.Both, 5 * time.Second},
		{control.Both, control.Both, 0},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			const n = 20
			w := newWorld(t, 1, linkConfigs(n), linkConfigs(n))
			w.a.cfg.Control.Role, w.b.cfg.Control.Role = tt.a, tt.b
			w.b.cfg.Control.Timing.Initial = 200 * time.Millisecond
			w.a.start()
			w.run(tt.first)
			w.b.start()
			w.allUp(20 * time.Second)
			w.run(time.Minute)
			for m, want := range map[l2tp.MessageType]int{l2tp.ICRQ: n, l2tp.ICRP: n, l2tp.ICCN: n, l2tp.CDN: 0} {
				if got := w.a.sent[m] + w.b.sent[m]; got != want {
					t.Errorf("%d %v, want %d", got, m, want)
				}
			}
			for _, p := range []*pe{w.a, w.b} {
				if p.said("link up") != n || p.said("control connection established") != 1 || p.warnings() != 0 {
					t.Errorf("%s: notes %v", p.name, p.notes)
				}
			}
		})
	}
}

// Both ask for all sessions at once (RFC 3931, section 5.4.4): one session remains of each pair.
func TestTies(t *testing.T) {
	for seed := range uint64(20) {
		const n = 10
		w := newWorld(t, seed, linkConfigs(n), linkConfigs(n))
		w.a.cfg.Grace, w.b.cfg.Grace = 0, 0
		w.jitter = 10 * time.Millisecond
		w.start()
		w.allUp(20 * time.Second)
		w.run(time.Minute)
		w.allUp(time.Second)
		for _, note := range w.a.notes { // the jitter has frames overtake each other, for which PPP may negotiate anew
			if note.Message == "link down" && !strings.Contains(note.Reason, "renegotiates") {
				t.Errorf("seed %d: a link begins again after a tie: %s", seed, note.Reason)
			}
		}
	}
}

// The peer was restarted and calls before its death was noticed.
func TestPeerRestarted(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(3), linkConfigs(3))
	w.start()
	w.allUp(10 * time.Second)
	w.run(time.Minute)
	w.b.start()
	w.within(20*time.Second, "links down", func() bool { return !w.a.link(0).Up })
	if l := w.a.link(0); l.Reason != "" || w.a.pair.control.Established() == nil {
		t.Errorf("the complaint %q stays, though there is a connection again", l.Reason)
	}
	w.allUp(20 * time.Second)
	if down, up := w.a.said("link down"), w.a.said("link up"); down != 3 || up != 6 || w.a.repaths != 0 {
		t.Errorf("%d times down, %d times up, %d new paths; want 3, 6, 0", down, up, w.a.repaths)
	}
	for _, n := range w.a.notes {
		if n.Message == "link down" && !strings.Contains(n.Reason, "new control connection") {
			t.Errorf("a link went down because %q", n.Reason)
		}
	}
}

// The path is cut for longer than both keepalives: links go down with the reason, the path is
// opened anew, and all comes back.
func TestPathCut(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(2), linkConfigs(2))
	w.start()
	w.allUp(10 * time.Second)
	w.cut = true
	w.run(3 * time.Minute)
	for _, p := range []*pe{w.a, w.b} {
		if l := p.link(0); l.Up || l.Reason == "" || p.pair.Status().Control.Why.Cause != control.CauseSilent || p.repaths == 0 {
			t.Errorf("%s: up %v, reason %q, why %+v, %d new paths", p.name, l.Up, l.Reason, p.pair.Status().Control.Why, p.repaths)
		}
		if n := p.said("no control connection"); n == 0 || n > 2 { // once because of a tie as they started
			t.Errorf("%s: told %d times that there is no connection: %v", p.name, n, p.notes)
		}
		if len(p.sessions) != 0 {
			t.Errorf("%s: %d sessions of the data plane left", p.name, len(p.sessions))
		}
	}
	w.cut = false
	w.allUp(2 * time.Minute)
	if w.a.said("control connection established") != 2 {
		t.Errorf("notes %v", w.a.notes)
	}
}

// Stop says farewell: a CDN for each session, then a StopCCN, and is done when that is
// acknowledged.
func TestStop(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(3), linkConfigs(3))
	w.start()
	w.allUp(10 * time.Second)
	before := w.a.sent[l2tp.StopCCN]
	w.a.stop()
	if w.a.pair.Done() {
		t.Error("done before the peer has acknowledged")
	}
	w.within(5*time.Second, "done", w.a.pair.Done)
	w.run(time.Second)
	w.a.gone()
	if w.a.sent[l2tp.CDN] != 3 || w.a.sent[l2tp.StopCCN] != before+1 {
		t.Errorf("sent %v", w.a.sent)
	}
	if w.a.warnings() != 0 || w.a.said("link down") != 3 || w.a.said("control connection closed") != 1 {
		t.Errorf("our own shutdown is told, and no reason to warn: %v", w.a.notes)
	}
	for i := range 3 {
		l := w.b.link(i)
		if l.Up || l.Refused != l2tp.CDNAdministrative || !strings.Contains(l.Reason, "shutting down") {
			t.Errorf("the peer: up %v, refused %d, reason %q", l.Up, l.Refused, l.Reason)
		}
	}
	if why := w.b.pair.Status().Control.Why; why.Cause != control.CauseRefused || l2tp.StopCCNCode(why.Result.Code) != l2tp.StopShuttingDown {
		t.Errorf("the peer: the connection ended because %+v", why)
	}

	// What still comes from below is too late, and the peer's calls are refused.
	w.run(time.Minute)
	w.a.gone()
	if w.a.pair.control.Established() != nil {
		t.Error("a connection after Stop")
	}
}

func TestStopWithoutConnection(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.cut = true
	w.start()
	w.run(time.Second)
	w.a.stop()
	w.within(time.Minute, "done", w.a.pair.Done)
	w.a.gone()
}

// Hurry spares the wait for the next attempt, when the path is there again.
func TestHurry(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.cut = true
	w.start()
	w.within(10*time.Minute, "a long wait", func() bool {
		return w.a.pair.Status().Control.RetryAt.Sub(w.now) > 10*time.Second
	})
	w.cut = false
	w.a.step(func() { w.a.pair.Hurry(w.now, &w.a.out) })
	w.allUp(5 * time.Second)
}

// What a Status says of a link that is up; it shares nothing that changes.
func TestStatus(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	w.run(time.Minute)
	s := w.a.pair.Status()
	l := s.Links[0]
	if s.Peer != "pe2" || s.Connection.HostName != "pe2" || s.Connection.State != control.Established || s.Control.Connection != nil {
		t.Errorf("pair %+v, connection %+v", s, s.Connection)
	}
	if !l.Up || l.Reason != "" || l.Failures != 0 || !l.CallAt.IsZero() || !l.Ready || l.Session.State != control.SessionEstablished ||
		len(l.Session.PeerCookie) != 8 || !l.PPP.Echo.Measured || l.PPP.Echo.RTT != 2*w.delay {
		t.Errorf("link %+v, session %+v, PPP %+v", l, l.Session, l.PPP)
	}
}

// Whatever goes wrong for a time, in the end all is up, and after Stop nothing is left.
func TestRandomFailures(t *testing.T) {
	seeds := uint64(2000)
	if testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomFailures(t, seed) })
	}
}

func randomFailures(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	n := 1 + rng.IntN(4)
	w := newWorld(t, seed, linkConfigs(n), linkConfigs(n))
	roles := []control.Role{control.Both, control.Both, control.Active, control.Passive}
	w.a.cfg.Control.Role = roles[rng.IntN(len(roles))]
	if rng.IntN(2) == 0 {
		w.a.cfg.Grace, w.b.cfg.Grace = 0, 0
	}
	w.jitter = time.Duration(rng.IntN(50)) * time.Millisecond
	w.loss, w.noise = rng.Float64()*0.3, rng.Float64()*0.1
	for _, p := range []*pe{w.a, w.b} {
		p.latency = time.Duration(rng.IntN(100)) * time.Millisecond
		p.refuse = func(Create) error {
			if rng.IntN(4) == 0 {
				return errNoDevice
			}
			return nil
		}
	}
	w.start()
	for range 10 {
		w.run(time.Duration(rng.IntN(20_000)) * time.Millisecond)
		p, i := w.a, rng.IntN(n)
		if rng.IntN(2) == 0 {
			p = w.b
		}
		switch rng.IntN(8) {
		case 0:
			p.start()
		case 1:
			if p.link(i).Attempt != 0 {
				p.lose(i, "vanished")
			}
		case 2:
			router := p.link(i).Config.VR
			p.step(func() { p.pair.RouterGone(w.now, router, "deleted", &p.out) })
		case 3:
			w.cut = !w.cut
		case 4:
			w.mute = !w.mute
		case 5:
			p.setPathMTU(1000 + rng.IntN(600))
		case 6:
			p.step(func() { p.pair.Hurry(w.now, &p.out) })
		}
	}
	w.cut, w.mute, w.loss, w.noise = false, false, 0, 0
	w.a.refuse, w.b.refuse = nil, nil
	w.a.setPathMTU(1500)
	w.b.setPathMTU(1500)
	w.allUp(5 * time.Minute)

	w.a.stop()
	w.b.stop()
	w.within(time.Minute, "done", func() bool { return w.a.pair.Done() && w.b.pair.Done() })
	w.run(time.Minute)
	w.a.gone()
	w.b.gone()
}
