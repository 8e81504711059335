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

// ledger checks that the events about sessions are consistent.
type ledger map[*Session]sessionLife

type sessionLife int

const (
	unheard sessionLife = iota
	begun               // opened by the owner, or CallIncoming
	up                  // SessionUp
	gone                // SessionDown, or closed by the owner
)

// event notes an event and returns what is wrong with it.
func (l ledger) event(e Event) error {
	check := func(s *Session, to sessionLife, from ...sessionLife) error {
		if !slices.Contains(from, l[s]) {
			return fmt.Errorf("%T of a session in life %d, state %s", e, l[s], s.State)
		}
		l[s] = to
		return nil
	}
	switch e := e.(type) {
	case CallIncoming:
		return check(e.Session, begun, unheard)
	case CallAnswered:
		return check(e.Session, begun, begun)
	case SessionUp:
		return check(e.Session, up, begun)
	case CircuitChanged:
		return check(e.Session, l[e.Session], begun, up)
	case SessionDown:
		if e.Session.State != SessionIdle || e.Why.Text == "" {
			return fmt.Errorf("SessionDown of a session in state %s: %+v", e.Session.State, e.Why)
		}
		return check(e.Session, gone, begun, up)
	case ConnectionDown:
		if e.Why.Text == "" {
			return fmt.Errorf("ConnectionDown without a reason: %+v", e.Why)
		}
	}
	return nil
}

// side is a Peer and its owner, who wants a session for each name.
type side struct {
	peer     *Peer
	wants    []string
	sessions map[string]*Session
	reopenAt time.Time
	life     ledger
	ups      int // ConnectionUp
}

// flying is a datagram on its way.
type flying struct {
	to    int
	at    time.Time
	bytes []byte
}

// world is two sides and what is on its way between them.
type world struct {
	t      testing.TB
	now    time.Time
	sides  [2]*side
	flight []flying
	send   func(to int, b []byte) // puts a datagram into flight, or not
}

func newWorld(t testing.TB, a, b Config, wants ...string) *world {
	w := &world{t: t, now: epoch}
	w.send = func(to int, b []byte) { w.flight = append(w.flight, flying{to, w.now, b}) }
	for i, cfg := range []Config{a, b} {
		w.sides[i] = &side{wants: wants}
		w.boot(i, cfg)
	}
	return w
}

// boot makes the Peer of side i, which forgets all that was before.
func (w *world) boot(i int, cfg Config) {
	s := w.sides[i]
	s.peer, s.sessions, s.life, s.reopenAt = NewPeer(cfg), make(map[string]*Session), make(ledger), time.Time{}
}

func (w *world) start() {
	for i, s := range w.sides {
		w.step(i, func(out *Output) { s.peer.Start(w.now, out) })
	}
}

// step lets the Peer of side i act, and its owner after it.
func (w *world) step(i int, act func(*Output)) {
	var out Output
	act(&out)
	s := w.sides[i]
	for n := 0; n < len(out.Events); n++ {
		if err := s.life.event(out.Events[n]); err != nil {
			w.t.Fatal(err)
		}
		w.own(s, out.Events[n], &out)
	}
	if timing.Due(s.reopenAt, w.now) {
		s.reopenAt = time.Time{}
		w.openAll(s, &out)
	}
	for b := range out.Datagrams {
		w.send(1-i, slices.Clone(b))
	}
}

// own is the owner: it accepts what it wants and has not, and opens anew what has ended.
func (w *world) own(s *side, e Event, out *Output) {
	switch e := e.(type) {
	case ConnectionUp:
		s.ups++
		w.openAll(s, out)
	case CallIncoming:
		name := string(e.Session.RemoteEndID)
		if !slices.Contains(s.wants, name) || s.sessions[name] != nil {
			w.close(s, e.Session, out)
			return
		}
		s.sessions[name] = e.Session
		e.Session.Accept(w.now, out)
	case CallAnswered:
		e.Session.Connect(w.now, out)
	case SessionDown:
		if name := string(e.Session.RemoteEndID); s.sessions[name] == e.Session {
			delete(s.sessions, name)
			s.reopenAt = w.now.Add(time.Second)
		}
	}
}

func (w *world) openAll(s *side, out *Output) {
	c := s.peer.Established()
	if c == nil {
		return
	}
	for _, name := range s.wants {
		if s.sessions[name] == nil {
			s.sessions[name] = c.Open(w.now, []byte(name), out)
			s.life[s.sessions[name]] = begun
		}
	}
}

func (w *world) close(s *side, x *Session, out *Output) {
	if x.State != SessionIdle {
		s.life[x] = gone
		x.Close(w.now, l2tp.Result{Code: uint16(l2tp.CDNAdministrative)}, out)
	}
}

// deliver lets datagram n of those in flight arrive.
func (w *world) deliver(n int) {
	f := w.flight[n]
	w.flight = slices.Delete(w.flight, n, n+1)
	w.now = latest(w.now, f.at)
	w.step(f.to, func(out *Output) { w.sides[f.to].peer.Receive(w.now, f.bytes, out) })
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// deadline is when a timer of a side is due next.
func (w *world) deadline(i int) time.Time {
	return timing.Earliest(w.sides[i].peer.Deadline(), w.sides[i].reopenAt)
}

// advance moves to the next timer of either side.
func (w *world) advance() bool {
	next := timing.Earliest(w.deadline(0), w.deadline(1))
	if next.IsZero() {
		return false
	}
	w.now = latest(w.now, next)
	for i, s := range w.sides {
		if timing.Due(w.deadline(i), w.now) {
			w.step(i, func(out *Output) { s.peer.Advance(w.now, out) })
		}
	}
	return true
}

// next does what is next in time: a datagram arrives or a timer fires. False: nothing is left
// before the end.
func (w *world) next(end time.Time) bool {
	first := -1
	for n, f := range w.flight {
		if first < 0 || f.at.Before(w.flight[first].at) {
			first = n
		}
	}
	timer := timing.Earliest(w.deadline(0), w.deadline(1))
	switch {
	case first >= 0 && (timer.IsZero() || !timer.Before(w.flight[first].at)):
		if w.flight[first].at.After(end) {
			return false
		}
		w.deliver(first)
		return true
	case timer.IsZero() || timer.After(end):
		return false
	}
	return w.advance()
}

// run lets that much time pass.
func (w *world) run(long time.Duration) {
	end := w.now.Add(long)
	for steps := 0; w.next(end); steps++ {
		if steps > 1_000_000 {
			w.t.Fatal("no end of it")
		}
	}
	w.now = end
}

// settle runs until both sides agree, and fails the test if they do not within the limit.
func (w *world) settle(limit time.Duration) {
	w.t.Helper()
	end := w.now.Add(limit)
	var why error
	for {
		if why = w.agreed(); why == nil || !w.next(end) {
			break
		}
	}
	if why != nil {
		w.t.Fatalf("no agreement within %s: %v", limit, why)
	}
}

// agreed says what is missing to the end that all is for: one connection, the sessions wanted,
// known alike to both, and nothing half done.
func (w *world) agreed() error {
	var cs [2]*Connection
	for i, s := range w.sides {
		c := s.peer.Established()
		if c == nil || len(s.peer.live()) != 1 {
			return fmt.Errorf("side %d: %d connections: %+v", i, len(s.peer.live()), s.peer.Status())
		}
		r := &c.reliable
		if !r.idle() || len(r.early) != 0 || len(c.opening) != 0 || len(c.waiting) != 0 || len(c.sessions) != len(s.wants) ||
			len(c.byPeer) != len(s.wants) {
			return fmt.Errorf("side %d: %d in the queue, %d early, %d opening, %d waiting, %d sessions, %d by the peer's ID", i,
				len(r.queue), len(r.early), len(c.opening), len(c.waiting), len(c.sessions), len(c.byPeer))
		}
		cs[i] = c
	}
	a, b := cs[0], cs[1]
	if a.ID != b.PeerID || b.ID != a.PeerID || a.Initiator == b.Initiator || a.reliable.ns != b.reliable.nr ||
		b.reliable.ns != a.reliable.nr {
		return fmt.Errorf("two different connections: %#x to %#x and %#x to %#x", a.ID, a.PeerID, b.ID, b.PeerID)
	}
	for _, name := range w.sides[0].wants {
		x, y := w.sides[0].sessions[name], w.sides[1].sessions[name]
		switch {
		case x == nil || y == nil:
			return fmt.Errorf("no session for %s", name)
		case x.State != SessionEstablished || y.State != SessionEstablished || x.Connection != a || y.Connection != b:
			return fmt.Errorf("session for %s in states %s and %s", name, x.State, y.State)
		case x.ID != y.PeerID || y.ID != x.PeerID || x.Initiator == y.Initiator ||
			!bytes.Equal(x.LocalCookie, y.PeerCookie) || !bytes.Equal(y.LocalCookie, x.PeerCookie):
			return fmt.Errorf("two different sessions for %s", name)
		case x.PeerCircuit != y.Circuit || y.PeerCircuit != x.Circuit:
			return fmt.Errorf("circuits of %s: %s, which the other takes for %s, and %s, taken for %s", name,
				x.Circuit, y.PeerCircuit, y.Circuit, x.PeerCircuit)
		}
	}
	return nil
}

// stopBoth ends all, and checks that nothing is left.
func (w *world) stopBoth() {
	w.t.Helper()
	for i, s := range w.sides {
		w.step(i, func(out *Output) { s.peer.Stop(w.now, l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, out) })
		s.reopenAt = time.Time{}
	}
	w.run(2 * testCycle)
	for i, s := range w.sides {
		p := s.peer
		for _, life := range s.life {
			if life != gone {
				w.t.Fatalf("side %d: a session whose end was not told", i)
			}
		}
		if !p.Done() || len(p.live())+len(p.closing) != 0 || !p.Deadline().IsZero() || len(s.sessions) != 0 {
			w.t.Fatalf("side %d: done %t, %d connections, %d lingering, deadline %s", i, p.Done(), len(p.live()), len(p.closing),
				p.Deadline())
		}
	}
}
