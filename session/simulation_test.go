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

// simulation is two PEs, the network between them, and a clock that advances only when nothing is
// left to do.
type simulation struct {
	t     testing.TB
	now   time.Time
	rng   *rand.Rand
	queue []event // in order of time
	a, b  *pe

	delay  time.Duration // of the network
	jitter time.Duration // at most that much more
	loss   float64       // share of datagrams that are lost
	noise  float64       // share of datagrams that arrive with a bit flipped
	cut    bool          // nothing passes
	mute   bool          // no data message passes

	unchecked bool // skips the checks and counts, for benchmarks
}

// event is a scheduled action of the simulation.
type event struct {
	at time.Time
	do func()
}

// pe is one PE: a Pair, and a fake of its host that carries out the effects.
type pe struct {
	*simulation
	name string
	cfg  PairConfig
	peer *pe

	pair    *Pair
	out     Output
	life    int // counts restarts: events scheduled for an earlier life are dropped
	latency time.Duration

	sessions map[Attempt]*planeSession
	byID     map[uint32]Attempt // by local session ID
	newest   map[*Link]Attempt  // the attempt of the link that is not deleted
	highest  Attempt
	busy     map[*Link]time.Time // until when the executor works for the link

	refuse func(Create) error // returns why a session cannot be created; nil: all can

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

func newSimulation(t testing.TB, seed uint64, a, b []LinkConfig) *simulation {
	sim := &simulation{
		t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rng: rand.New(rand.NewPCG(seed, 1)),
		delay: 10 * time.Millisecond,
	}
	sim.a = sim.newPE("pe1", "pe2", "192.0.2.2:1702", a)
	sim.b = sim.newPE("pe2", "pe1", "192.0.2.1:1702", b)
	sim.a.peer, sim.b.peer = sim.b, sim.a
	return sim
}

func (sim *simulation) newPE(name, peer, address string, links []LinkConfig) *pe {
	retry := timing.Backoff{Min: time.Second, Max: 30 * time.Second}
	return &pe{simulation: sim, name: name, latency: time.Millisecond, cfg: PairConfig{
		Peer: peer, Address: netip.MustParseAddrPort(address), Links: links, Retry: retry, Grace: 2 * time.Second,
		Control: control.Config{
			HostName: name, RouterID: 1, VendorName: "test", Secret: []byte("secret"), Digest: l2tp.DigestHMACSHA1,
			Window: 64, Hello: 20 * time.Second, Retry: retry,
			Timing: control.Timing{Initial: time.Second, Cap: 8 * time.Second, MaxRetries: 5},
			Rand: func(b []byte) {
				for i := range b {
					b[i] = byte(sim.rng.Uint32())
				}
			},
		},
	}}
}

func (sim *simulation) random() uint32 { return sim.rng.Uint32() }

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

// with returns one link with a changed configuration.
func with(change func(*LinkConfig)) []LinkConfig {
	c := linkConfig(1)
	change(&c)
	return []LinkConfig{c}
}

// start starts the PE, or restarts it without state.
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

func (sim *simulation) start() { sim.a.start(); sim.b.start() }

// after schedules an action of the PE; it is dropped if the PE is restarted before.
func (p *pe) after(d time.Duration, do func()) {
	life := p.life
	p.schedule(d, func() {
		if p.life == life {
			p.step(do)
		}
	})
}

func (sim *simulation) schedule(d time.Duration, do func()) {
	at := sim.now.Add(d)
	i, _ := slices.BinarySearchFunc(sim.queue, at, func(h event, at time.Time) int {
		if h.at.After(at) {
			return 1
		}
		return -1 // after those of the same time
	})
	sim.queue = slices.Insert(sim.queue, i, event{at, do})
}

// step does something with the pair, carries out its output, and checks the invariants.
func (p *pe) step(do func()) {
	p.t.Helper()
	do()
	for message := range p.out.Datagrams() {
		p.send(message)
	}
	for _, f := range p.out.Frames {
		if p.newest[f.Link] != f.Attempt || f.Attempt == 0 {
			p.t.Fatalf("%s: frame for attempt %d of %s, which does not exist", p.name, f.Attempt, f.Link.VPN)
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

func (sim *simulation) lost() bool { return sim.cut || sim.rng.Float64() < sim.loss }

func (sim *simulation) travel() time.Duration {
	if sim.jitter == 0 {
		return sim.delay
	}
	return sim.delay + time.Duration(sim.rng.Int64N(int64(sim.jitter)))
}

// carried returns a datagram as it arrives.
func (sim *simulation) carried(octets []byte) []byte {
	octets = bytes.Clone(octets)
	if sim.noise > 0 && sim.rng.Float64() < sim.noise {
		octets[sim.rng.IntN(len(octets))] ^= 1 << sim.rng.IntN(8)
	}
	return octets
}

// run advances the clock by d.
func (sim *simulation) run(d time.Duration) {
	sim.t.Helper()
	sim.runUntil(sim.now.Add(d), func() bool { return false })
}

// runUntil advances the clock until the condition holds, at most to end, and reports whether it
// holds.
func (sim *simulation) runUntil(end time.Time, so func() bool) bool {
	sim.t.Helper()
	for range 10_000_000 {
		if so() {
			return true
		}
		next := end
		var who *pe
		for _, p := range []*pe{sim.a, sim.b} {
			if p.pair != nil {
				if d := p.pair.Deadline(); !d.IsZero() && d.Before(next) {
					next, who = d, p
				}
			}
		}
		if len(sim.queue) > 0 && !sim.queue[0].at.After(next) {
			h := sim.queue[0]
			sim.queue = sim.queue[1:]
			sim.now = maxTime(sim.now, h.at)
			h.do()
			continue
		}
		sim.now = maxTime(sim.now, next)
		if who == nil {
			return so()
		}
		who.step(func() { who.pair.Advance(sim.now, &who.out) })
	}
	sim.t.Fatal("the machines do not come to rest")
	return false
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// within waits at most d until the condition holds.
func (sim *simulation) within(d time.Duration, what string, so func() bool) {
	sim.t.Helper()
	if !sim.runUntil(sim.now.Add(d), so) {
		sim.t.Fatalf("not within %v: %s\n%s\n%s", d, what, sim.a, sim.b)
	}
}

// String returns the PE's state in a few lines.
func (p *pe) String() string {
	s := p.pair.Status()
	text := fmt.Sprintf("%s: connection %+v, why %q", p.name, s.Connection, s.Control.Why)
	for _, l := range s.Links {
		text += fmt.Sprintf("\n  %s up %v, reason %q at layer %d, session %+v, ready %v, open %d, ppp %+v, call at %v",
			l.Config.VPN, l.Up, l.Reason, l.Layer, l.Session, l.Ready, l.Open, l.PPP, l.CallAt)
	}
	return text
}

// allUp waits until all links configured at both ends are up, and checks that their two ends are
// connected to each other.
func (sim *simulation) allUp(d time.Duration) {
	sim.t.Helper()
	sim.within(d, "all links up", func() bool { return sim.a.up() && sim.b.up() && sim.settled() })
	for _, l := range sim.a.pair.order {
		if other := sim.b.pair.links[l.VPNID]; other != nil {
			x, y := sim.a.sessions[l.attempt], sim.b.sessions[other.attempt]
			if x.cfg.LocalID != y.cfg.PeerID || x.cfg.PeerID != y.cfg.LocalID ||
				!bytes.Equal(x.cfg.LocalCookie, y.cfg.PeerCookie) || !bytes.Equal(x.cfg.PeerCookie, y.cfg.LocalCookie) {
				sim.t.Fatalf("the ends of %s do not form one session: %+v and %+v", l.VPN, x.cfg, y.cfg)
			}
		}
	}
}

// settled reports whether no event is scheduled.
func (sim *simulation) settled() bool { return len(sim.queue) == 0 }

// up reports whether all links configured at both ends are up, also in the data plane.
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

// link returns the status of link i.
func (p *pe) link(i int) LinkStatus { return p.pair.Status().Links[i] }

// down returns a condition: link i is not up and has a reason.
func (p *pe) down(i int) func() bool {
	return func() bool { l := p.link(i); return !l.Up && l.Reason != "" }
}

func (p *pe) stop() { p.step(func() { p.pair.Stop(p.now, &p.out) }) }

// checkGone checks that nothing is left after Stop.
func (p *pe) checkGone() {
	p.t.Helper()
	if len(p.pair.byAttempt)+len(p.pair.bySession)+len(p.pair.waiting)+len(p.sessions) != 0 {
		p.t.Fatalf("%s: left after Stop: %d attempts, %d sessions, %d deadlines, %d sessions of the data plane", p.name,
			len(p.pair.byAttempt), len(p.pair.bySession), len(p.pair.waiting), len(p.sessions))
	}
}

// countNotes counts the notes with that message.
func (p *pe) countNotes(message string) (n int) {
	for _, note := range p.notes {
		if note.Message == message {
			n++
		}
	}
	return n
}

// warnings counts the notes of level Warning.
func (p *pe) warnings() (n int) {
	for _, note := range p.notes {
		if note.Level == Warning {
			n++
		}
	}
	return n
}

var errNoDevice = errors.New("no device left")
