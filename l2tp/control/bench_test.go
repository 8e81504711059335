package control

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// pair connects two Peers in memory. Their owner accepts every session.
type pair struct {
	now   time.Time
	peers [2]*Peer
	outs  [2]Output
	ups   int // number of SessionUp events
}

func newPair() *pair {
	p := &pair{now: epoch}
	for i := range p.peers {
		cfg := testConfig(uint64(i + 1))
		cfg.Hello = time.Second
		cfg.MaxSessions = 1 << 20
		cfg.Role = []Role{Active, Passive}[i]
		p.peers[i] = NewPeer(cfg)
		p.peers[i].Start(p.now, &p.outs[i])
	}
	p.exchange()
	return p
}

// exchange delivers datagrams until none are left.
func (p *pair) exchange() {
	for busy := true; busy; {
		busy = false
		for i := range p.outs {
			var out Output
			out, p.outs[i] = p.outs[i], out
			for b := range out.Datagrams {
				busy = true
				p.peers[1-i].Receive(p.now, b, &p.outs[1-i])
			}
			out.Reset()
			p.handleEvents(1 - i)
			// Reuse the memory for the next output.
			if p.outs[i].Len() == 0 && len(p.outs[i].Events) == 0 {
				p.outs[i] = out
			}
		}
	}
}

func (p *pair) handleEvents(i int) {
	out := &p.outs[i]
	for n := 0; n < len(out.Events); n++ {
		switch e := out.Events[n].(type) {
		case CallIncoming:
			e.Session.Accept(p.now, out)
		case CallAnswered:
			e.Session.Connect(p.now, out)
		case SessionUp:
			p.ups++
		}
	}
	clear(out.Events)
	out.Events = out.Events[:0]
}

// BenchmarkSession sets up one session after another: ICRQ, ICRP and ICCN, each acknowledged and
// signed.
func BenchmarkSession(b *testing.B) {
	p := newPair()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		p.peers[0].Established().Open(p.now, binary.BigEndian.AppendUint64(nil, uint64(n)), &p.outs[0])
		p.exchange()
	}
	if p.ups != 2*n {
		b.Fatalf("%d SessionUp events at both ends, want %d", p.ups, n)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "sessions/s")
}

// BenchmarkHello measures the steady state: a HELLO and its ACK.
func BenchmarkHello(b *testing.B) {
	p := newPair()
	b.ReportAllocs()
	for b.Loop() {
		p.hello()
	}
}

// hello advances the time to the next HELLO, and exchanges it and its ACK.
func (p *pair) hello() {
	p.now = p.peers[0].Deadline()
	p.peers[0].Advance(p.now, &p.outs[0])
	p.exchange()
}

// Sending a HELLO allocates no memory: it reuses the memory of an acknowledged message.
func TestKeepaliveDoesNotAllocate(t *testing.T) {
	p := newPair()
	for range 4 {
		p.hello()
	}
	sent := p.peers[0].Established().Counters().Sent
	const runs = 100
	if allocs := testing.AllocsPerRun(runs, p.hello); allocs != 0 {
		t.Errorf("%v allocations for each HELLO, want none", allocs)
	}
	if n := p.peers[0].Established().Counters().Sent - sent; n < runs/2 {
		t.Errorf("%d HELLOs sent, want %d at least", n, runs/2)
	}
}

// Receiving a HELLO, acknowledging it and returning the next deadline allocates no memory, with one
// and with two secrets.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for _, next := range [][]byte{nil, []byte("next")} {
		d := newDialogue(t, func(c *Config) { c.NextSecret = next })
		d.scriptConnects()
		const runs = 100
		var hellos [][]byte
		for range runs + 1 {
			hellos = append(hellos, d.encode(l2tp.HELLO))
		}
		var out Output
		now, n := d.now, 0
		deadline := now
		allocs := testing.AllocsPerRun(runs, func() {
			out.Reset()
			now = now.Add(time.Second)
			d.peer.Receive(now, hellos[n], &out)
			if deadline = d.peer.Deadline(); timing.Due(deadline, now) {
				d.peer.Advance(now, &out)
			}
			n++
		})
		if allocs != 0 || n != runs+1 || d.peer.Established().reliable.nr != uint16(n)+2 {
			t.Errorf("%v allocations for each of %d messages, want none", allocs, n)
		}
	}
}

// BenchmarkReceive measures the receiving half of BenchmarkHello.
func BenchmarkReceive(b *testing.B) {
	d := newUncheckedDialogue(b)
	d.scriptConnects()
	hello := d.encode(l2tp.HELLO)
	var out Output
	b.ReportAllocs()
	for b.Loop() { // all but the first are duplicates
		out.Reset()
		d.peer.Receive(d.now, hello, &out)
	}
}

// BenchmarkForged measures the cost of a datagram that is not authentic.
func BenchmarkForged(b *testing.B) {
	d := newUncheckedDialogue(b)
	d.key = l2tp.NewKey([]byte("guess"))
	sccrq := d.encode(l2tp.SCCRQ)
	var out Output
	b.ReportAllocs()
	for b.Loop() {
		d.now = d.now.Add(time.Second) // within the rate
		d.peer.Receive(d.now, sccrq, &out)
	}
	if out.Len() != 0 || d.peer.Status().Drops[DropRate] != 0 {
		b.Fatal("forged SCCRQs were answered, or exceeded the rate")
	}
}

// BenchmarkFlood measures the cost of SCCRQs beyond the admitted rate.
func BenchmarkFlood(b *testing.B) {
	d := newUncheckedDialogue(b, func(c *Config) { c.Admission = Rate{PerSecond: 1, Burst: 1} })
	sccrq := d.encode(l2tp.SCCRQ)
	d.deliver(sccrq)
	var out Output
	b.ReportAllocs()
	for b.Loop() {
		d.peer.Receive(d.now, sccrq, &out)
	}
	if out.Len() != 0 {
		b.Fatal("an SCCRQ beyond the rate was answered")
	}
}
