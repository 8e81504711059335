package control

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// RFC 3931, sections 5.4.3 and 5.4.4: the lower value wins, a value wins against none, and with
// equal values both lose.
func TestBreakTie(t *testing.T) {
	value := func(v uint64) *uint64 { return &v }
	tests := []struct {
		ours   uint64
		theirs *uint64
		want   tie
	}{
		{1, value(2), tieWon},
		{2, value(1), tieYielded},
		{2, value(2), tieEqual},
		{0, value(0), tieEqual},
		{1<<64 - 1, nil, tieWon},
		{1 << 63, value(1<<63 - 1), tieYielded},
		{0, value(1<<64 - 1), tieWon},
	}
	for _, test := range tests {
		if got := breakTie(test.ours, test.theirs); got != test.want {
			t.Errorf("%d and %v: %d, want %d", test.ours, test.theirs, got, test.want)
		}
	}
}

// Both ends send an SCCRQ at the same time; the script uses each kind of tie breaker.
func TestConnectionTie(t *testing.T) {
	t.Run("the peer's is higher", func(t *testing.T) {
		d := newDialogue(t, active)
		ours := d.call
		d.expect(l2tp.SCCRQ)
		d.newCall()
		d.send(l2tp.SCCRQ, tieBreaker(1<<64-1))
		d.expectStop(l2tp.StopAlreadyExists)
		d.call = ours
		d.expectAgain(l2tp.SCCRQ, 0) // the peer may have started only now
		d.send(l2tp.SCCRP)
		d.expect(l2tp.SCCCN)
		event[ConnectionUp](d)
	})
	t.Run("the peer's is lower", func(t *testing.T) {
		d := newDialogue(t, active)
		ours := d.call
		d.expect(l2tp.SCCRQ)
		d.newCall()
		theirs := d.call
		d.send(l2tp.SCCRQ, tieBreaker(0))
		d.expect(l2tp.SCCRP)
		d.call = ours // the winner refuses our SCCRQ, whose connection no longer exists
		d.send(l2tp.StopCCN, result(l2tp.StopAlreadyExists))
		d.call = theirs
		d.send(l2tp.SCCCN)
		d.expect(l2tp.ACK)
		event[ConnectionUp](d)
	})
	t.Run("equal", func(t *testing.T) {
		d := newDialogue(t, active)
		m := d.expect(l2tp.SCCRQ)
		d.newCall()
		d.send(l2tp.SCCRQ, tieBreaker(m.TieBreaker))
		d.expectNothing()
		d.expectConnectionDown(CauseTie)
		d.newCall()
		d.wait(time.Second)
		if again := d.expect(l2tp.SCCRQ); again.TieBreaker == m.TieBreaker {
			t.Error("the new attempt reuses the tie breaker")
		}
	})
	t.Run("the peer has none", func(t *testing.T) {
		d := newDialogue(t, active)
		d.expect(l2tp.SCCRQ)
		d.newCall()
		d.send(l2tp.SCCRQ)
		d.expectStop(l2tp.StopAlreadyExists)
		d.expectAgain(l2tp.SCCRQ, 0)
		d.expectState(d.peer.attempt, WaitCtlReply)
	})
	t.Run("refused, then the SCCRQ of the winner", func(t *testing.T) {
		d := newDialogue(t, active)
		d.expect(l2tp.SCCRQ)
		d.send(l2tp.StopCCN, result(l2tp.StopAlreadyExists))
		d.expect(l2tp.ACK)
		if why := event[ConnectionDown](d).Why; why.Cause != CauseRefused || !strings.Contains(why.Text, "peer's request won the tie") {
			t.Errorf("the loser's reason is %+v", why)
		}
		d.newCall()
		d.scriptConnects()
		if !d.peer.Status().RetryAt.IsZero() {
			t.Error("another attempt is planned")
		}
		d.wait(10 * time.Second)
	})
}

// A StopCCN with this result code means a lost tie only if it ends our own attempt.
func TestAlreadyExistsWithoutTie(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	d.send(l2tp.StopCCN, result(l2tp.StopAlreadyExists))
	d.expect(l2tp.ACK)
	if why := event[ConnectionDown](d).Why; !strings.HasPrefix(why.Text, "StopCCN from the peer") {
		t.Errorf("the reason is %q", why.Text)
	}
}

// A losing SCCRQ received after the winner's connection is established does not affect it.
func TestLateLosingSCCRQ(t *testing.T) {
	d := newDialogue(t, active, func(c *Config) { c.Hello = 0 })
	c := d.peerConnects()
	d.newCall()
	d.send(l2tp.SCCRQ, tieBreaker(1<<64-1))
	d.expect(l2tp.SCCRP)
	for range 8 {
		d.wait(testCycle / 8)
	}
	for len(d.sent) > 0 {
		d.expectAgain(l2tp.SCCRP, 0)
	}
	d.expectNoEvent()
	d.expectState(c, Established)
	if d.peer.Established() != c || len(d.peer.incoming) != 0 {
		t.Error("the connection was replaced, or the losing one is kept")
	}
}

// A restarted peer gets a new connection at once, even if it has chosen the old ID again.
func TestRestartedPeer(t *testing.T) {
	for _, sameID := range []bool{false, true} {
		t.Run(fmt.Sprintf("same ID %t", sameID), func(t *testing.T) {
			d := newDialogue(t)
			old := d.scriptConnects()
			s := d.scriptOpens("red", 5)
			before := d.call
			d.newCall()
			if sameID {
				before.id, d.call.id = 0, before.id // the script no longer answers for the old one
			}
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.expectState(old, Established)
			d.send(l2tp.SCCCN)
			d.sent = d.sent[1:] // the StopCCN for the old one
			d.expect(l2tp.ACK)
			d.expectSessionDown(s, CauseParent)
			c := event[ConnectionUp](d).Connection
			d.expectState(old, Stopping)
			d.expectState(c, Established)
			if d.peer.Established() != c {
				t.Error("the old connection is still the established one")
			}
			d.wait(testCycle)
			d.sent = nil
			d.expectState(c, Established)
			if d.peer.find(func(x *Connection) bool { return x == old }) != nil {
				t.Error("the old connection was not removed")
			}
		})
	}
}

// The connection ends while a new one of the restarted peer is half open: the owner gets both
// events.
func TestConnectionDownWithHalfOpenSuccessor(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	d.newCall()
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.call = d.calls[0]
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
	d.call = d.calls[1]
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
}

// startWithTieBreakers starts both sides with the given tie breakers; -1 stands for a random one.
func startWithTieBreakers(t *testing.T, sim *simulation, cfgs [2]Config, values [2]int) {
	for i, value := range values {
		if value < 0 {
			continue
		}
		source, draw := cfgs[i].Rand, 0
		cfgs[i].Rand = func(b []byte) {
			source(b)
			if draw == 3 { // after the serial number, the ID and the nonce
				binary.BigEndian.PutUint64(b, uint64(value))
			}
			draw++
		}
		sim.boot(i, cfgs[i])
	}
	sim.start()
	for i, value := range values {
		if value >= 0 && sim.sides[i].peer.attempt.tieBreaker != uint64(value) {
			t.Fatal("the draw of Rand for the tie breaker has changed")
		}
	}
}

// fate is what a link does to a datagram.
type fate int

const (
	delivered fate = iota
	duplicated
	dropped
)

// explore runs a simulation through all choices in its first depth steps: any datagram in flight
// meets one of the first kinds fates, or the next timer fires. Each run then ends with end. It
// returns the number of runs.
func explore(depth int, kinds fate, begin func() *simulation, end func(*simulation)) int {
	var path []int
	for runs := 1; ; runs++ {
		sim := begin()
		widths := make([]int, depth)
		for step := range depth {
			widths[step] = int(kinds)*len(sim.flight) + 1
			if step == len(path) {
				path = append(path, 0)
			}
			n := path[step] / int(kinds)
			switch {
			case n == len(sim.flight):
				sim.advance()
				continue
			case fate(path[step])%kinds == duplicated:
				sim.flight = append(sim.flight, sim.flight[n])
			case fate(path[step])%kinds == dropped:
				sim.flight = slices.Delete(sim.flight, n, n+1)
				continue
			}
			sim.deliver(n)
		}
		end(sim)
		for len(path) > 0 && path[len(path)-1] == widths[len(path)-1]-1 {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return runs
		}
		path[len(path)-1]++
	}
}

// exploreAll explores all orders of delivery deeply, and all fates less deeply.
func exploreAll(t *testing.T, begin func() *simulation) {
	agree := func(sim *simulation) { sim.runUntilAgreed(5 * time.Minute) }
	t.Logf("%d orders of delivery", explore(5, delivered+1, begin, agree))
	t.Logf("%d orders with loss and duplication", explore(3, dropped+1, begin, agree))
}

// Whatever happens to two crossing SCCRQs and the following messages, one connection is established
// in the end.
func TestConnectionTieInAllOrders(t *testing.T) {
	for _, breakers := range [][2]int{{1, 2}, {2, 1}, {3, 3}} {
		t.Run(fmt.Sprint(breakers), func(t *testing.T) {
			exploreAll(t, func() *simulation {
				cfgs := [2]Config{testConfig(1), testConfig(2)}
				sim := newSimulation(t, cfgs[0], cfgs[1])
				startWithTieBreakers(t, sim, cfgs, breakers)
				return sim
			})
		})
	}
}

// The same for two ICRQs for one Remote End ID.
func TestSessionTieInAllOrders(t *testing.T) {
	for seed := range uint64(2) {
		exploreAll(t, func() *simulation {
			sim := newSimulation(t, testConfig(seed+1), testConfig(seed+3))
			sim.start()
			sim.runUntilAgreed(time.Minute)
			for i, s := range sim.sides {
				s.wants = []string{"red"}
				sim.step(i, func(out *Output) { sim.openAll(s, out) })
			}
			return sim
		})
	}
}

// With equal session tie breakers both sessions are discarded, and the next attempt decides.
func TestEqualSessionTieBreakers(t *testing.T) {
	sim := newSimulation(t, testConfig(1), testConfig(2))
	sim.start()
	sim.runUntilAgreed(time.Minute)
	for i, s := range sim.sides {
		s.wants = []string{"red"}
		source, draw := s.peer.cfg.Rand, 0
		s.peer.cfg.Rand = func(b []byte) {
			source(b)
			if draw == 2 { // after the ID and the cookie
				clear(b)
			}
			draw++
		}
		sim.step(i, func(out *Output) { sim.openAll(s, out) })
		if s.sessions["red"].tieBreaker != 0 {
			t.Fatal("the draw of Rand for the tie breaker has changed")
		}
	}
	sim.runUntilAgreed(time.Minute)
}

// A restarted side gets its connection and sessions back at once, not after the HELLO of the other
// side.
func TestRestart(t *testing.T) {
	for restarted := range 2 {
		sim := newSimulation(t, testConfig(1), testConfig(2), "red", "blue")
		sim.start()
		sim.runUntilAgreed(time.Minute)
		sim.run(10 * time.Second)
		sim.boot(restarted, testConfig(9))
		s := sim.sides[restarted]
		sim.step(restarted, func(out *Output) { s.peer.Start(sim.now, out) })
		sim.runUntilAgreed(3 * time.Second)
		if other := sim.sides[1-restarted]; other.ups != 2 {
			t.Errorf("%d connections, want 2", other.ups)
		}
		sim.stopBoth()
	}
}
