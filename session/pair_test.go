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

// The end that has established the connection requests sessions first, so that no tie occurs: one
// request for each VPN, whichever end starts.
func TestOneRequestForEachVPN(t *testing.T) {
	for _, tt := range []struct {
		a, b  control.Role
		first time.Duration // by which pe1 starts earlier
	}{
		{control.Active, control.Passive, 0},
		{control.Passive, control.Active, 0},
		{control.Both, control.Both, 5 * time.Second},
		{control.Both, control.Both, 0},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			const n = 20
			sim := newSimulation(t, 1, linkConfigs(n), linkConfigs(n))
			sim.a.cfg.Control.Role, sim.b.cfg.Control.Role = tt.a, tt.b
			sim.b.cfg.Control.Timing.Initial = 200 * time.Millisecond
			sim.a.start()
			sim.run(tt.first)
			sim.b.start()
			sim.allUp(20 * time.Second)
			sim.run(time.Minute)
			for m, want := range map[l2tp.MessageType]int{l2tp.ICRQ: n, l2tp.ICRP: n, l2tp.ICCN: n, l2tp.CDN: 0} {
				if got := sim.a.sent[m] + sim.b.sent[m]; got != want {
					t.Errorf("%d %v, want %d", got, m, want)
				}
			}
			for _, p := range []*pe{sim.a, sim.b} {
				if p.countNotes("link up") != n || p.countNotes("control connection established") != 1 || p.warnings() != 0 {
					t.Errorf("%s: notes %v", p.name, p.notes)
				}
			}
		})
	}
}

// Both ends request all sessions at once (RFC 3931, section 5.4.4): one session of each two
// remains.
func TestTies(t *testing.T) {
	for seed := range uint64(20) {
		const n = 10
		sim := newSimulation(t, seed, linkConfigs(n), linkConfigs(n))
		sim.a.cfg.Grace, sim.b.cfg.Grace = 0, 0
		sim.jitter = 10 * time.Millisecond
		sim.start()
		sim.allUp(20 * time.Second)
		sim.run(time.Minute)
		sim.allUp(time.Second)
		for _, note := range sim.a.notes { // the jitter reorders frames, so PPP may renegotiate
			if note.Message == "link down" && !strings.Contains(note.Reason, "renegotiates") {
				t.Errorf("seed %d: a link restarted after a tie: %s", seed, note.Reason)
			}
		}
	}
}

// The peer restarts, and starts a connection before its silence is noticed.
func TestPeerRestarted(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(3), linkConfigs(3))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.run(time.Minute)
	sim.b.start()
	sim.within(20*time.Second, "links down", func() bool { return !sim.a.link(0).Up })
	if l := sim.a.link(0); l.Reason != "" || sim.a.pair.control.Established() == nil {
		t.Errorf("the reason %q stays, or no connection is established", l.Reason)
	}
	sim.allUp(20 * time.Second)
	if down, up := sim.a.countNotes("link down"), sim.a.countNotes("link up"); down != 3 || up != 6 || sim.a.repaths != 0 {
		t.Errorf("%d times down, %d times up, %d new paths; want 3, 6, 0", down, up, sim.a.repaths)
	}
	for _, n := range sim.a.notes {
		if n.Message == "link down" && !strings.Contains(n.Reason, "new control connection") {
			t.Errorf("a link went down because %q", n.Reason)
		}
	}
}

// The path is cut for longer than both keepalives: links go down with the reason, the path is
// reopened, and all links come up again.
func TestPathCut(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(2), linkConfigs(2))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.cut = true
	sim.run(3 * time.Minute)
	for _, p := range []*pe{sim.a, sim.b} {
		if l := p.link(0); l.Up || l.Reason == "" || p.pair.Status().Control.Why.Cause != control.CauseSilent || p.repaths == 0 {
			t.Errorf("%s: up %v, reason %q, why %+v, %d new paths", p.name, l.Up, l.Reason, p.pair.Status().Control.Why, p.repaths)
		}
		if n := p.countNotes("control connection down"); n == 0 || n > 2 { // one may be a tie
			t.Errorf("%s: logged %d times that the connection is down: %v", p.name, n, p.notes)
		}
		if len(p.sessions) != 0 {
			t.Errorf("%s: %d sessions of the data plane are left", p.name, len(p.sessions))
		}
	}
	sim.cut = false
	sim.allUp(2 * time.Minute)
	if sim.a.countNotes("control connection established") != 2 {
		t.Errorf("notes %v", sim.a.notes)
	}
}

// Stop sends a CDN for each session and then a StopCCN, and is done when these are acknowledged.
func TestStop(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(3), linkConfigs(3))
	sim.start()
	sim.allUp(10 * time.Second)
	before := sim.a.sent[l2tp.StopCCN]
	sim.a.stop()
	if sim.a.pair.Done() {
		t.Error("done before the peer has acknowledged")
	}
	sim.within(5*time.Second, "done", sim.a.pair.Done)
	sim.run(time.Second)
	sim.a.checkGone()
	if sim.a.sent[l2tp.CDN] != 3 || sim.a.sent[l2tp.StopCCN] != before+1 {
		t.Errorf("sent %v", sim.a.sent)
	}
	if sim.a.warnings() != 0 || sim.a.countNotes("link down") != 3 || sim.a.countNotes("control connection closed") != 1 {
		t.Errorf("the notes of the shutdown are incomplete, or warn: %v", sim.a.notes)
	}
	for i := range 3 {
		l := sim.b.link(i)
		if l.Up || l.Refused != l2tp.CDNAdministrative || !strings.Contains(l.Reason, "shutting down") {
			t.Errorf("the peer: up %v, refused %d, reason %q", l.Up, l.Refused, l.Reason)
		}
	}
	if why := sim.b.pair.Status().Control.Why; why.Cause != control.CauseRefused || l2tp.StopCCNCode(why.Result.Code) != l2tp.StopShuttingDown {
		t.Errorf("the peer: the connection ended because %+v", why)
	}

	// Late events have no effect, and the peer's connections are refused.
	sim.run(time.Minute)
	sim.a.checkGone()
	if sim.a.pair.control.Established() != nil {
		t.Error("a connection was established after Stop")
	}
}

func TestStopWithoutConnection(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.cut = true
	sim.start()
	sim.run(time.Second)
	sim.a.stop()
	sim.within(time.Minute, "done", sim.a.pair.Done)
	sim.a.checkGone()
}

// RetryNow starts the next attempt at once, when the path works again.
func TestRetryNow(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.cut = true
	sim.start()
	sim.within(10*time.Minute, "planned attempt in over 10 s", func() bool {
		return sim.a.pair.Status().Control.RetryAt.Sub(sim.now) > 10*time.Second
	})
	sim.cut = false
	sim.a.step(func() { sim.a.pair.RetryNow(sim.now, &sim.a.out) })
	sim.allUp(5 * time.Second)
}

// Status describes a link that is up. It shares no memory with the pair.
func TestStatus(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	sim.run(time.Minute)
	s := sim.a.pair.Status()
	l := s.Links[0]
	if s.Peer != "pe2" || s.Connection.HostName != "pe2" || s.Connection.State != control.Established || s.Control.Connection != nil {
		t.Errorf("pair %+v, connection %+v", s, s.Connection)
	}
	if !l.Up || l.Reason != "" || l.Failures != 0 || !l.CallAt.IsZero() || !l.Ready || l.Session.State != control.SessionEstablished ||
		len(l.Session.PeerCookie) != 8 || !l.PPP.Echo.Measured || l.PPP.Echo.RTT != 2*sim.delay {
		t.Errorf("link %+v, session %+v, PPP %+v", l, l.Session, l.PPP)
	}
}

// After temporary random failures all links come up, and after Stop nothing is left.
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
	sim := newSimulation(t, seed, linkConfigs(n), linkConfigs(n))
	roles := []control.Role{control.Both, control.Both, control.Active, control.Passive}
	sim.a.cfg.Control.Role = roles[rng.IntN(len(roles))]
	if rng.IntN(2) == 0 {
		sim.a.cfg.Grace, sim.b.cfg.Grace = 0, 0
	}
	sim.jitter = time.Duration(rng.IntN(50)) * time.Millisecond
	sim.loss, sim.noise = rng.Float64()*0.3, rng.Float64()*0.1
	for _, p := range []*pe{sim.a, sim.b} {
		p.latency = time.Duration(rng.IntN(100)) * time.Millisecond
		p.refuse = func(Create) error {
			if rng.IntN(4) == 0 {
				return errNoDevice
			}
			return nil
		}
	}
	sim.start()
	for range 10 {
		sim.run(time.Duration(rng.IntN(20_000)) * time.Millisecond)
		p, i := sim.a, rng.IntN(n)
		if rng.IntN(2) == 0 {
			p = sim.b
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
			p.step(func() { p.pair.RouterGone(sim.now, router, "deleted", &p.out) })
		case 3:
			sim.cut = !sim.cut
		case 4:
			sim.mute = !sim.mute
		case 5:
			p.setPathMTU(1000 + rng.IntN(600))
		case 6:
			p.step(func() { p.pair.RetryNow(sim.now, &p.out) })
		}
	}
	sim.cut, sim.mute, sim.loss, sim.noise = false, false, 0, 0
	sim.a.refuse, sim.b.refuse = nil, nil
	sim.a.setPathMTU(1500)
	sim.b.setPathMTU(1500)
	sim.allUp(5 * time.Minute)

	sim.a.stop()
	sim.b.stop()
	sim.within(time.Minute, "done", func() bool { return sim.a.pair.Done() && sim.b.pair.Done() })
	sim.run(time.Minute)
	sim.a.checkGone()
	sim.b.checkGone()
}
