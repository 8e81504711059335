package session

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/vr"
)

// world is two PEs, the network between them, and the time, which passes only when nothing is to be
// done.
type world struct {
	t     testing.TB
	now   time.Time
	rng   *rand.Rand
	queue []happening // in order of time
	a, b  *pe

	delay  time.Duration // of the network
	jitter time.Duration // at most that much more
	loss   float64       // of datagrams
	noise  float64       // share of datagrams that arrive with a bit flipped
	cut    bool          // nothing passes
	mute   bool          // no data message passes

	unchecked bool // spares a benchmark the checks and counts
}

// happening is something that the world has in store.
type happening struct {
	at time.Time
	do func()
}

// pe is one PE: a Pair, and the outside world that it has effects on.
type pe struct {
	*world
	name string
	cfg  PairConfig
	peer *pe

	pair    *Pair
	out     Output
	life    int // counts restarts: what was on its way for an earlier life is lost
	latency time.Duration

	sessions map[Attempt]*planeSession
	byID     map[uint32]Attempt // by local session ID
	newest   map[*Link]Attempt  // the attempt of the link that was not deleted
	highest  Attempt
	busy     map[*Link]time.Time // until when the executor works for the link

	refuse func(Create) error // why a session cannot be created; nil: it can

	sent    map[l2tp.MessageType]int
	results []l2tp.Result // of the CDNs and StopCCNs sent
	notes   []Note
	repaths int
}

// planeSession is a session of the data plane.
type planeSession struct {
	cfg   dataplane.SessionConfig
	ready bool
	open  dataplane.Protocols
	iface vr.Interface
}

func newWorld(t testing.TB, seed uint64, a, b []LinkConfig) *world {
	w := &world{
		t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rng: rand.New(rand.NewPCG(seed, 1)),
		delay: 10 * time.Millisecond,
	}
	w.a = w.newPE("pe1", "pe2", "192.0.2.2:1702", a)
	w.b = w.newPE("pe2", "pe1", "192.0.2.1:1702", b)
	w.a.peer, w.b.peer = w.b, w.a
	return w
}

func (w *world) newPE(name, peer, address string, links []LinkConfig) *pe {
	retry := timing.Backoff{Min: time.Second, Max: 30 * time.Second}
	return &pe{world: w, name: name, latency: time.Millisecond, cfg: PairConfig{
		Peer: peer, Address: netip.MustParseAddrPort(address), Links: links, Retry: retry, Grace: 2 * time.Second,
		Control: control.Config{
			HostName: name, RouterID: 1, VendorName: "test", Secret: []byte("secret"), Digest: l2tp.DigestHMACSHA1,
			Window: 64, Hello: 20 * time.Second, Retry: retry,
			Timing: control.Timing{Initial: time.Second, Cap: 8 * time.Second, MaxRetries: 5},
			Rand: func(b []byte) {
				for i := range b {
					b[i] = byte(w.rng.Uint32())
				}
			},
		},
	}}
}

func (w *world) random() uint32 { return w.rng.Uint32() }

func linkConfig(index uint32) LinkConfig {
	name := fmt.Sprintf("vpn%d", index)
	return LinkConfig{
		VPN: name, VPNID: endid.New(0x5e, index), VR: vr.Spec{NetNS: name}, Interface: "vl-" + name,
		PPP: ppp.Config{
			EchoInterval: 5 * time.Second, EchoFails: 3,
			IPv4: &ppp.IPv4Config{Mode: ppp.Unnumbered}, IPv6: &ppp.IPv6Config{},
		},
	}
}

func linkConfigs(n int) []LinkConfig {
	var cs []LinkConfig
	for i := range n {
		cs = append(cs, linkConfig(uint32(i+1)))
	}
	return cs
}

// with returns one link, changed.
func with(change func(*LinkConfig)) []LinkConfig {
	c := linkConfig(1)
	change(&c)
	return []LinkConfig{c}
}

// start begins the PE's life, or another.
func (p *pe) start() {
	p.life++
	cfg := p.cfg
	cfg.Links = slices.Clone(cfg.Links)
	for i := range cfg.Links {
		cfg.Links[i].PPP.Rand = p.random
	}
	p.pair = NewPair(cfg)
	p.out = Output{}
	p.sessions, p.byID, p.newest, p.highest = map[Attempt]*planeSession{}, map[uint32]Attempt{}, map[*Link]Attempt{}, 0
	p.busy = map[*Link]time.Time{}
	p.sent = map[l2tp.MessageType]int{}
	p.results, p.notes = nil, nil
	p.step(func() { p.pair.Start(p.now, &p.out) })
}

func (w *world) start() { w.a.start(); w.b.start() }

// after puts something into store, unless the PE is restarted before.
func (p *pe) after(d time.Duration, do func()) {
	life := p.life
	p.schedule(d, func() {
		if p.life == life {
			p.step(do)
		}
	})
}

func (w *world) schedule(d time.Duration, do func()) {
	at := w.now.Add(d)
	i, _ := slices.BinarySearchFunc(w.queue, at, func(h happening, at time.Time) int {
		if h.at.After(at) {
			return 1
		}
		return -1 // behind those of the same time
	})
	w.queue = slices.Insert(w.queue, i, happening{at, do})
}

// step does something to the pair and then what it wants done, and checks what must hold at any
// time.
func (p *pe) step(do func()) {
	p.t.Helper()
	do()
	for message := range p.out.Datagrams() {
		p.send(message)
	}
	for _, f := range p.out.Frames {
		if p.newest[f.Link] != f.Attempt || f.Attempt == 0 {
			p.t.Fatalf("%s: frame for attempt %d of %s, which is not there", p.name, f.Attempt, f.Link.VPN)
		}
		p.sendFrame(f)
	}
	for _, e := range p.out.Effects {
		p.execute(e)
	}
	p.out.Reset()
	if !p.unchecked {
		p.checkInvariants()
	}
}

func (w *world) lost() bool { return w.cut || w.rng.Float64() < w.loss }

func (w *world) travel() time.Duration {
	if w.jitter == 0 {
		return w.delay
	}
	return w.delay + time.Duration(w.rng.Int64N(int64(w.jitter)))
}

// carried is what arrives of a datagram.
func (w *world) carried(octets []byte) []byte {
	octets = bytes.Clone(octets)
	if w.noise > 0 && w.rng.Float64() < w.noise {
		octets[w.rng.IntN(len(octets))] ^= 1 << w.rng.IntN(8)
	}
	return octets
}

// send sends a control message to the peer.
func (p *pe) send(message []byte) {
	if !p.unchecked {
		p.count(message)
	}
	if p.lost() || p.peer.pair == nil {
		return
	}
	message, peer := p.carried(message), p.peer
	p.schedule(p.travel(), func() { // whoever lives there then
		peer.step(func() { peer.pair.Receive(peer.now, message, &peer.out) })
	})
}

// count takes note of a control message sent.
func (p *pe) count(message []byte) {
	var m l2tp.Message
	if err := m.Parse(message, l2tp.NewHidingKey(p.cfg.Control.Secret)); err != nil {
		p.t.Fatalf("%s: sends what cannot be read: %v", p.name, err)
	}
	p.sent[m.Type]++
	if m.Type == l2tp.CDN || m.Type == l2tp.StopCCN {
		m.Result.Message = bytes.Clone(m.Result.Message)
		p.results = append(p.results, m.Result)
	}
}

// sendFrame sends a PPP frame, if the data plane's session is there, to the peer's session of that
// ID and cookie.
func (p *pe) sendFrame(f Frame) {
	s := p.sessions[f.Attempt]
	if s == nil || !s.ready || p.mute || p.lost() {
		return
	}
	octets, peer := p.carried(f.Octets), p.peer
	p.schedule(p.travel(), func() {
		a := peer.byID[s.cfg.PeerID]
		if theirs := peer.sessions[a]; theirs != nil && bytes.Equal(theirs.cfg.LocalCookie, s.cfg.PeerCookie) {
			peer.step(func() { peer.pair.Frame(peer.now, a, octets, &peer.out) })
		}
	})
}

// inTurn does something for a link when what was begun before is done.
func (p *pe) inTurn(l *Link, do func()) {
	at := p.now
	if p.busy[l].After(at) {
		at = p.busy[l]
	}
	at = at.Add(p.latency)
	p.busy[l] = at
	p.after(at.Sub(p.now), do)
}

// execute carries out an effect as package daemon does: in order for each link, and not at once.
func (p *pe) execute(effect Effect) {
	mustBe := func(l *Link, a Attempt) {
		if p.newest[l] != a || a == 0 {
			p.t.Fatalf("%s: %T for attempt %d of %s, which is over; now %d", p.name, effect, a, l.VPN, p.newest[l])
		}
	}
	switch e := effect.(type) {
	case Create:
		if p.newest[e.Link] != 0 || e.Attempt <= p.highest {
			p.t.Fatalf("%s: attempt %d of %s, with attempt %d not deleted", p.name, e.Attempt, e.Link.VPN, p.newest[e.Link])
		}
		p.newest[e.Link], p.highest = e.Attempt, e.Attempt
		p.sessions[e.Attempt], p.byID[e.Session.LocalID] = &planeSession{cfg: e.Session}, e.Attempt
		p.inTurn(e.Link, func() {
			if p.refuse != nil {
				if err := p.refuse(e); err != nil {
					p.pair.Failed(p.now, e.Attempt, err, &p.out)
					return
				}
			}
			if s := p.sessions[e.Attempt]; s != nil {
				s.ready = true
			}
			p.pair.Created(p.now, e.Attempt, &p.out)
		})
	case Open:
		mustBe(e.Link, e.Attempt)
		p.inTurn(e.Link, func() {
			if s := p.sessions[e.Attempt]; s != nil {
				s.open = e.Protocols
			}
		})
	case Configure:
		mustBe(e.Link, e.Attempt)
		p.inTurn(e.Link, func() {
			if s := p.sessions[e.Attempt]; s != nil {
				s.iface = e.Interface
			}
			p.pair.Configured(p.now, e.Attempt, &p.out)
		})
	case Delete:
		mustBe(e.Link, e.Attempt)
		p.newest[e.Link] = 0
		p.inTurn(e.Link, func() {
			delete(p.byID, p.sessions[e.Attempt].cfg.LocalID)
			delete(p.sessions, e.Attempt)
		})
	case Forget:
		if p.newest[e.Link] != 0 || slices.Contains(p.pair.order, e.Link) {
			p.t.Fatalf("%s: %s is to be forgotten, and is there", p.name, e.Link.VPN)
		}
		delete(p.newest, e.Link)
	case Repath:
		p.repaths++
	case Note:
		if e.Message == "" || e.Level == Warning && e.Reason == "" {
			p.t.Fatalf("%s: note %+v does not tell enough", p.name, e)
		}
		p.notes = append(p.notes, e)
	}
}

func (p *pe) checkInvariants() {
	t, pair := p.t, p.pair
	attempts, sessions, waiting := 0, 0, 0
	for _, l := range pair.order {
		if l.attempt != 0 {
			attempts++
			if pair.byAttempt[l.attempt] != l || l.session == nil {
				t.Fatalf("%s: attempt %d of %s is not entered, or without a session", p.name, l.attempt, l.VPN)
			}
		}
		if l.session != nil {
			sessions++
			if pair.bySession[l.session] != l || l.session.State == control.SessionIdle {
				t.Fatalf("%s: the session of %s is not entered, or over", p.name, l.VPN)
			}
		}
		if l.ppp != nil && !l.ready || l.open != 0 && l.ppp == nil || l.inUse && l.open == 0 {
			t.Fatalf("%s: %s has the upper layer without the lower: %+v", p.name, l.VPN, l)
		}
		if l.deadline.IsZero() != (l.place == nowhere) {
			t.Fatalf("%s: %s waits for %v at place %d", p.name, l.VPN, l.deadline, l.place)
		}
		if l.place != nowhere {
			waiting++
			if pair.waiting[l.place] != l {
				t.Fatalf("%s: %s is not at its place", p.name, l.VPN)
			}
			if parent := (l.place - 1) / 2; l.place > 0 && pair.waiting.Less(l.place, parent) {
				t.Fatalf("%s: the deadlines are no heap", p.name)
			}
		}
	}
	if len(pair.byAttempt) != attempts || len(pair.bySession) != sessions || len(pair.waiting) != waiting {
		t.Fatalf("%s: left over: %d attempts entered of %d, %d sessions of %d, %d deadlines of %d", p.name,
			len(pair.byAttempt), attempts, len(pair.bySession), sessions, len(pair.waiting), waiting)
	}
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	w.runUntil(w.now.Add(d), func() bool { return false })
}

// runUntil lets time pass until it is so, or until the given time. It reports whether it is so.
func (w *world) runUntil(end time.Time, so func() bool) bool {
	w.t.Helper()
	for range 10_000_000 {
		if so() {
			return true
		}
		next := end
		var who *pe
		for _, p := range []*pe{w.a, w.b} {
			if p.pair != nil {
				if d := p.pair.Deadline(); !d.IsZero() && d.Before(next) {
					next, who = d, p
				}
			}
		}
		if len(w.queue) > 0 && !w.queue[0].at.After(next) {
			h := w.queue[0]
			w.queue = w.queue[1:]
			w.now = maxTime(w.now, h.at)
			h.do()
			continue
		}
		w.now = maxTime(w.now, next)
		if who == nil {
			return so()
		}
		who.step(func() { who.pair.Advance(w.now, &who.out) })
	}
	w.t.Fatal("the machines do not come to rest")
	return false
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// within waits until it is so.
func (w *world) within(d time.Duration, what string, so func() bool) {
	w.t.Helper()
	if !w.runUntil(w.now.Add(d), so) {
		w.t.Fatalf("not within %v: %s\n%s\n%s", d, what, w.a, w.b)
	}
}

// String is the PE's state in a few lines.
func (p *pe) String() string {
	s := p.pair.Status()
	text := fmt.Sprintf("%s: connection %+v, why %q", p.name, s.Connection, s.Control.Why)
	for _, l := range s.Links {
		text += fmt.Sprintf("\n  %s up %v, reason %q at layer %d, session %+v, ready %v, open %d, ppp %+v, call at %v",
			l.Config.VPN, l.Up, l.Reason, l.Layer, l.Session, l.Ready, l.Open, l.PPP, l.CallAt)
	}
	return text
}

// allUp waits until all links that both have are up at both, and looks whether the two ends are one
// link.
func (w *world) allUp(d time.Duration) {
	w.t.Helper()
	w.within(d, "all links up", func() bool { return w.a.up() && w.b.up() && w.settled() })
	for _, l := range w.a.pair.order {
		if theirs := w.b.pair.links[l.VPNID]; theirs != nil {
			x, y := w.a.sessions[l.attempt], w.b.sessions[theirs.attempt]
			if x.cfg.LocalID != y.cfg.PeerID || x.cfg.PeerID != y.cfg.LocalID ||
				!bytes.Equal(x.cfg.LocalCookie, y.cfg.PeerCookie) || !bytes.Equal(x.cfg.PeerCookie, y.cfg.LocalCookie) {
				w.t.Fatalf("the ends of %s are not one session: %+v and %+v", l.VPN, x.cfg, y.cfg)
			}
		}
	}
}

// settled reports whether nothing is on its way.
func (w *world) settled() bool { return len(w.queue) == 0 }

// up reports whether all links that the peer has too are up, in the data plane as well.
func (p *pe) up() bool {
	for _, l := range p.pair.order {
		if p.peer.pair.links[l.VPNID] == nil {
			continue
		}
		if s := p.sessions[l.attempt]; !l.inUse || s == nil || s.open != l.open || !s.iface.Up {
			return false
		}
	}
	return true
}

// link is the status of link i.
func (p *pe) link(i int) LinkStatus { return p.pair.Status().Links[i] }

// down reports whether link i is not up and has a reason.
func (p *pe) down(i int) func() bool {
	return func() bool { l := p.link(i); return !l.Up && l.Reason != "" }
}

func (p *pe) stop() { p.step(func() { p.pair.Stop(p.now, &p.out) }) }

// gone checks that after Stop nothing is left.
func (p *pe) gone() {
	p.t.Helper()
	if len(p.pair.byAttempt)+len(p.pair.bySession)+len(p.pair.waiting)+len(p.sessions) != 0 {
		p.t.Fatalf("%s: after Stop there are %d attempts, %d sessions, %d deadlines, %d sessions of the data plane", p.name,
			len(p.pair.byAttempt), len(p.pair.bySession), len(p.pair.waiting), len(p.sessions))
	}
}

// said counts the notes with that message.
func (p *pe) said(message string) (n int) {
	for _, note := range p.notes {
		if note.Message == message {
			n++
		}
	}
	return n
}

// warnings counts the notes that warn.
func (p *pe) warnings() (n int) {
	for _, note := range p.notes {
		if note.Level == Warning {
			n++
		}
	}
	return n
}

var errNoDevice = errors.New("no device left")
