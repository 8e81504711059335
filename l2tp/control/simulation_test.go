package control

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// stages holds the stage of each session, and checks that events about sessions are consistent.
type stages map[*Session]stage

type stage int

const (
	stageUnknown stage = iota
	stageOpening       // opened by the owner, or CallIncoming emitted
	stageUp            // SessionUp emitted
	stageEnded         // SessionDown emitted, or closed by the owner
)

// event records an event. It returns an error if the event is inconsistent.
func (l stages) event(e Event) error {
	check := func(s *Session, to stage, from ...stage) error {
		if !slices.Contains(from, l[s]) {
			return fmt.Errorf("%T of a session at stage %d in state %s", e, l[s], s.State)
		}
		l[s] = to
		return nil
	}
	switch e := e.(type) {
	case CallIncoming:
		return check(e.Session, stageOpening, stageUnknown)
	case CallAnswered:
		return check(e.Session, stageOpening, stageOpening)
	case SessionUp:
		return check(e.Session, stageUp, stageOpening)
	case CircuitChanged:
		return check(e.Session, l[e.Session], stageOpening, stageUp)
	case SessionDown:
		if e.Session.State != SessionIdle || e.Why.Text == "" {
			return fmt.Errorf("SessionDown of a session in state %s: %+v", e.Session.State, e.Why)
		}
		return check(e.Session, stageEnded, stageOpening, stageUp)
	case ConnectionDown:
		if e.Why.Text == "" {
			return fmt.Errorf("ConnectionDown without a reason: %+v", e.Why)
		}
	}
	return nil
}

// side is a Peer and its owner, which wants a session for each name in wants.
type side struct {
	peer     *Peer
	wants    []string
	sessions map[string]*Session
	reopenAt time.Time
	stages   stages
	ups      int // number of ConnectionUp events
}

// inFlight is a datagram that is to arrive at side to.
type inFlight struct {
	to    int
	at    time.Time
	bytes []byte
}

// simulation is two sides and the datagrams in flight between them.
type simulation struct {
	t      testing.TB
	now    time.Time
	sides  [2]*side
	flight []inFlight
	send   func(to int, b []byte) // appends a datagram to flight, or drops it
}

func newSimulation(t testing.TB, a, b Config, wants ...string) *simulation {
	sim := &simulation{t: t, now: epoch}
	sim.send = func(to int, b []byte) { sim.flight = append(sim.flight, inFlight{to, sim.now, b}) }
	for i, cfg := range []Config{a, b} {
		sim.sides[i] = &side{wants: wants}
		sim.boot(i, cfg)
	}
	return sim
}

// boot replaces the Peer of side i by a new one without state.
func (sim *simulation) boot(i int, cfg Config) {
	s := sim.sides[i]
	s.peer, s.sessions, s.stages, s.reopenAt = NewPeer(cfg), make(map[string]*Session), make(stages), time.Time{}
}

func (sim *simulation) start() {
	for i, s := range sim.sides {
		sim.step(i, func(out *Output) { s.peer.Start(sim.now, out) })
	}
}

// step runs act on the Peer of side i, then its owner.
func (sim *simulation) step(i int, act func(*Output)) {
	var out Output
	act(&out)
	s := sim.sides[i]
	for n := 0; n < len(out.Events); n++ {
		if err := s.stages.event(out.Events[n]); err != nil {
			sim.t.Fatal(err)
		}
		sim.handleEvent(s, out.Events[n], &out)
	}
	if timing.Due(s.reopenAt, sim.now) {
		s.reopenAt = time.Time{}
		sim.openAll(s, &out)
	}
	for b := range out.Datagrams {
		sim.send(1-i, slices.Clone(b))
	}
}

// handleEvent acts as the owner: it accepts wanted sessions that it lacks, and reopens ended ones.
func (sim *simulation) handleEvent(s *side, e Event, out *Output) {
	switch e := e.(type) {
	case ConnectionUp:
		s.ups++
		sim.openAll(s, out)
	case CallIncoming:
		name := string(e.Session.RemoteEndID)
		if !slices.Contains(s.wants, name) || s.sessions[name] != nil {
			sim.close(s, e.Session, out)
			return
		}
		s.sessions[name] = e.Session
		e.Session.Accept(sim.now, out)
	case CallAnswered:
		e.Session.Connect(sim.now, out)
	case SessionDown:
		if name := string(e.Session.RemoteEndID); s.sessions[name] == e.Session {
			delete(s.sessions, name)
			s.reopenAt = sim.now.Add(time.Second)
		}
	}
}

func (sim *simulation) openAll(s *side, out *Output) {
	c := s.peer.Established()
	if c == nil {
		return
	}
	for _, name := range s.wants {
		if s.sessions[name] == nil {
			s.sessions[name] = c.Open(sim.now, []byte(name), out)
			s.stages[s.sessions[name]] = stageOpening
		}
	}
}

func (sim *simulation) close(s *side, x *Session, out *Output) {
	if x.State != SessionIdle {
		s.stages[x] = stageEnded
		x.Close(sim.now, l2tp.Result{Code: uint16(l2tp.CDNAdministrative)}, out)
	}
}

// deliver delivers datagram n of those in flight.
func (sim *simulation) deliver(n int) {
	f := sim.flight[n]
	sim.flight = slices.Delete(sim.flight, n, n+1)
	sim.now = latest(sim.now, f.at)
	sim.step(f.to, func(out *Output) { sim.sides[f.to].peer.Receive(sim.now, f.bytes, out) })
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// deadline returns the earliest deadline of side i.
func (sim *simulation) deadline(i int) time.Time {
	return timing.Earliest(sim.sides[i].peer.Deadline(), sim.sides[i].reopenAt)
}

// advance moves the time to the next deadline of either side. It returns false if there is none.
func (sim *simulation) advance() bool {
	next := timing.Earliest(sim.deadline(0), sim.deadline(1))
	if next.IsZero() {
		return false
	}
	sim.now = latest(sim.now, next)
	for i, s := range sim.sides {
		if timing.Due(sim.deadline(i), sim.now) {
			sim.step(i, func(out *Output) { s.peer.Advance(sim.now, out) })
		}
	}
	return true
}

// next processes the next datagram or timer. It returns false if there is none before end.
func (sim *simulation) next(end time.Time) bool {
	first := -1
	for n, f := range sim.flight {
		if first < 0 || f.at.Before(sim.flight[first].at) {
			first = n
		}
	}
	timer := timing.Earliest(sim.deadline(0), sim.deadline(1))
	switch {
	case first >= 0 && (timer.IsZero() || !timer.Before(sim.flight[first].at)):
		if sim.flight[first].at.After(end) {
			return false
		}
		sim.deliver(first)
		return true
	case timer.IsZero() || timer.After(end):
		return false
	}
	return sim.advance()
}

// run advances the time by long.
func (sim *simulation) run(long time.Duration) {
	end := sim.now.Add(long)
	for steps := 0; sim.next(end); steps++ {
		if steps > 1_000_000 {
			sim.t.Fatal("more than 1,000,000 steps")
		}
	}
	sim.now = end
}

// runUntilAgreed runs until both sides agree. It fails the test if they do not within limit.
func (sim *simulation) runUntilAgreed(limit time.Duration) {
	sim.t.Helper()
	end := sim.now.Add(limit)
	var why error
	for {
		if why = sim.disagreement(); why == nil || !sim.next(end) {
			break
		}
	}
	if why != nil {
		sim.t.Fatalf("no agreement within %s: %v", limit, why)
	}
}

// disagreement returns nil if both sides agree on one connection and on all wanted sessions, and
// nothing is pending; or else an error that says what is missing.
func (sim *simulation) disagreement() error {
	var cs [2]*Connection
	for i, s := range sim.sides {
		c := s.peer.Established()
		if c == nil || len(s.peer.live()) != 1 {
			return fmt.Errorf("side %d has %d connections: %+v", i, len(s.peer.live()), s.peer.Status())
		}
		r := &c.reliable
		if !r.idle() || len(r.early) != 0 || len(c.opening) != 0 || len(c.waiting) != 0 || len(c.sessions) != len(s.wants) ||
			len(c.byPeer) != len(s.wants) {
			return fmt.Errorf("side %d has %d messages queued and %d early, sessions: %d opening, %d waiting, %d in all, %d by the peer's ID", i,
				len(r.queue), len(r.early), len(c.opening), len(c.waiting), len(c.sessions), len(c.byPeer))
		}
		cs[i] = c
	}
	a, b := cs[0], cs[1]
	if a.ID != b.PeerID || b.ID != a.PeerID || a.Initiator == b.Initiator || a.reliable.ns != b.reliable.nr ||
		b.reliable.ns != a.reliable.nr {
		return fmt.Errorf("the sides have different connections: %#x to %#x and %#x to %#x", a.ID, a.PeerID, b.ID, b.PeerID)
	}
	for _, name := range sim.sides[0].wants {
		x, y := sim.sides[0].sessions[name], sim.sides[1].sessions[name]
		switch {
		case x == nil || y == nil:
			return fmt.Errorf("no session for %s", name)
		case x.State != SessionEstablished || y.State != SessionEstablished || x.Connection != a || y.Connection != b:
			return fmt.Errorf("sessions for %s in states %s and %s, or not on the current connection", name, x.State, y.State)
		case x.ID != y.PeerID || y.ID != x.PeerID || x.Initiator == y.Initiator ||
			!bytes.Equal(x.LocalCookie, y.PeerCookie) || !bytes.Equal(y.LocalCookie, x.PeerCookie):
			return fmt.Errorf("the sides have different sessions for %s", name)
		case x.PeerCircuit != y.Circuit || y.PeerCircuit != x.Circuit:
			return fmt.Errorf("circuits of %s: %s, known to the peer as %s; and %s, known as %s", name,
				x.Circuit, y.PeerCircuit, y.Circuit, x.PeerCircuit)
		}
	}
	return nil
}

// stopBoth stops both sides and checks that no state is left.
func (sim *simulation) stopBoth() {
	sim.t.Helper()
	for i, s := range sim.sides {
		sim.step(i, func(out *Output) { s.peer.Stop(sim.now, l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, out) })
		s.reopenAt = time.Time{}
	}
	sim.run(2 * testCycle)
	for i, s := range sim.sides {
		p := s.peer
		for _, stage := range s.stages {
			if stage != stageEnded {
				sim.t.Fatalf("side %d: no SessionDown for an ended session", i)
			}
		}
		if !p.Done() || len(p.live())+len(p.closing) != 0 || !p.Deadline().IsZero() || len(s.sessions) != 0 {
			sim.t.Fatalf("side %d: done %t, %d connections, %d closing, deadline %s", i, p.Done(), len(p.live()), len(p.closing),
				p.Deadline())
		}
	}
}
