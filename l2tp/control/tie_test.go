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

// RFC 3931 sections 5.4.3 and 5.4.4: the lower value wins, one that is there wins against none,
// equal ones lose both.
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

// Both call at once; the script plays a peer with each kind of tie breaker.
func TestConnectionTie(t *testing.T) {
	t.Run("the peer's is higher", func(t *testing.T) {
		d := converse(t, active)
		ours := d.call
		d.expect(l2tp.SCCRQ)
		d.dial()
		d.send(l2tp.SCCRQ, breaker(1<<64-1))
		d.expectStop(l2tp.StopAlreadyExists)
		d.call = ours
		d.expectAgain(l2tp.SCCRQ, 0) // the peer is there, and may not have been before
		d.send(l2tp.SCCRP)
		d.expect(l2tp.SCCCN)
		event[ConnectionUp](d)
	})
	t.Run("the peer's is lower", func(t *testing.T) {
		d := converse(t, active)
		ours := d.call
		d.expect(l2tp.SCCRQ)
		d.dial()
		theirs := d.call
		d.send(l2tp.SCCRQ, breaker(0))
		d.expect(l2tp.SCCRP)
		d.call = ours // the winner rejects ours, which is no more
		d.send(l2tp.StopCCN, result(l2tp.StopAlreadyExists))
		d.call = theirs
		d.send(l2tp.SCCCN)
		d.expect(l2tp.ACK)
		event[ConnectionUp](d)
	})
	t.Run("equal", func(t *testing.T) {
		d := converse(t, active)
		m := d.expect(l2tp.SCCRQ)
		d.dial()
		d.send(l2tp.SCCRQ, breaker(m.TieBreaker))
		d.silence()
		d.lost(CauseTie)
		d.dial()
		d.wait(time.Second)
		if again := d.expect(l2tp.SCCRQ); again.TieBreaker == m.TieBreaker {
			t.Error("the new attempt has the old tie breaker")
		}
	})
	t.Run("the peer has none", func(t *testing.T) {
		d := converse(t, active)
		d.expect(l2tp.SCCRQ)
		d.dial()
		d.send(l2tp.SCCRQ)
		d.expectStop(l2tp.StopAlreadyExists)
		d.expectAgain(l2tp.SCCRQ, 0)
		d.state(d.peer.attempt, WaitCtlReply)
	})
	t.Run("refused, and called by the winner later", func(t *testing.T) {
		d := converse(t, active)
		d.expect(l2tp.SCCRQ)
		d.send(l2tp.StopCCN, result(l2tp.StopAlreadyExists))
		d.expect(l2tp.ACK)
		if why := event[ConnectionDown](d).Why; why.Cause != CauseRefused || !strings.Contains(why.Text, "peer's call is taken") {
			t.Errorf("the loser says %+v", why)
		}
		d.dial()
		d.called()
		if !d.peer.Status().RetryAt.IsZero() {
			t.Error("another attempt is planned")
		}
		d.wait(10 * time.Second)
	})
}

// Only what ends our own call is a tie lost: else such a StopCCN is like any other.
func TestAlreadyExistsWithoutTie(t *testing.T) {
	d := converse(t)
	d.called()
	d.send(l2tp.StopCCN, result(l2tp.StopAlreadyExists))
	d.expect(l2tp.ACK)
	if why := event[ConnectionDown](d).Why; !strings.HasPrefix(why.Text, "StopCCN from the peer") {
		t.Errorf("the reason is %q", why.Text)
	}
}

// A losing SCCRQ that comes when the winner's connection is established does not disturb it.
func TestLateLosingSCCRQ(t *testing.T) {
	d := converse(t, active, func(c *Config) { c.Hello = 0 })
	c := d.calling()
	d.dial()
	d.send(l2tp.SCCRQ, breaker(1<<64-1))
	d.expect(l2tp.SCCRP)
	for range 8 {
		d.wait(testCycle / 8)
	}
	for len(d.sent) > 0 {
		d.expectAgain(l2tp.SCCRP, 0)
	}
	d.noEvent()
	d.state(c, Established)
	if d.peer.Established() != c || len(d.peer.offers) != 0 {
		t.Error("the connection is disturbed")
	}
}

// A peer that was restarted has a new connection at once; it may even have chosen the old ID.
func TestRestartedPeer(t *testing.T) {
	for _, sameID := range []bool{false, true} {
		t.Run(fmt.Sprintf("same ID %t", sameID), func(t *testing.T) {
			d := converse(t)
			old := d.called()
			s := d.invited("red", 5)
			before := d.call
			d.dial()
			if sameID {
				before.id, d.call.id = 0, before.id // the script does not answer for the old one any more
			}
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.state(old, Established)
			d.send(l2tp.SCCCN)
			d.sent = d.sent[1:] // the StopCCN for the old one
			d.expect(l2tp.ACK)
			d.down(s, CauseParent)
			c := event[ConnectionUp](d).Connection
			d.state(old, Stopping)
			d.state(c, Established)
			if d.peer.Established() != c {
				t.Error("the old connection is still there")
			}
			d.wait(testCycle)
			d.sent = nil
			d.state(c, Established)
			if d.peer.find(func(x *Connection) bool { return x == old }) != nil {
				t.Error("the old connection is not forgotten")
			}
		})
	}
}

// The connection dies while a call of the restarted peer is half open: the owner is told.
func TestConnectionDownWhileCalled(t *testing.T) {
	d := converse(t)
	d.called()
	d.dial()
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.call = d.calls[0]
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.lost(CauseRefused)
	d.call = d.calls[1]
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
}

// withBreakers makes Rand give the attempts' tie breakers; -1 stands for a random one.
func withBreakers(t *testing.T, w *world, cfgs [2]Config, values [2]int) {
	for i, value := range values {
		if value < 0 {
			continue
		}
		source, draw := cfgs[i].Rand, 0
		cfgs[i].Rand = func(b []byte) {
			source(b)
			if draw == 3 { // behind those of the serial number, the ID and the nonce
				binary.BigEndian.PutUint64(b, uint64(value))
			}
			draw++
		}
		w.boot(i, cfgs[i])
	}
	w.start()
	for i, value := range values {
		if value >= 0 && w.sides[i].peer.attempt.tieBreaker != uint64(value) {
			t.Fatal("these are not the draws of the tie breaker any more")
		}
	}
}

// mischief is what a link may do to a datagram but deliver it.
type mischief int

const (
	delivered mischief = iota
	duplicated
	swallowed
)

// explore runs a world again and again, through all choices of what happens in its first steps: any
// datagram in flight is delivered next, or suffers one of the other kinds of mischief, or the next
// timer fires. It returns the number of runs.
func explore(depth int, kinds mischief, begin func() *world, end func(*world)) int {
	var path []int
	for runs := 1; ; runs++ {
		w := begin()
		widths := make([]int, depth)
		for step := range depth {
			widths[step] = int(kinds)*len(w.flight) + 1
			if step == len(path) {
				path = append(path, 0)
			}
			n := path[step] / int(kinds)
			switch {
			case n == len(w.flight):
				w.advance()
				continue
			case mischief(path[step])%kinds == duplicated:
				w.flight = append(w.flight, w.flight[n])
			case mischief(path[step])%kinds == swallowed:
				w.flight = slices.Delete(w.flight, n, n+1)
				continue
			}
			w.deliver(n)
		}
		end(w)
		for len(path) > 0 && path[len(path)-1] == widths[len(path)-1]-1 {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return runs
		}
		path[len(path)-1]++
	}
}

// exploreAll explores far where datagrams are delivered, in whatever order, and less far where
// anything happens to them.
func exploreAll(t *testing.T, begin func() *world) {
	agree := func(w *world) { w.settle(5 * time.Minute) }
	t.Logf("%d orders of delivery", explore(5, delivered+1, begin, agree))
	t.Logf("%d orders with loss and duplication", explore(3, swallowed+1, begin, agree))
}

// Whatever becomes of two crossing SCCRQs and what follows them, there is one connection in the
// end.
func TestConnectionTieInAllOrders(t *testing.T) {
	for _, breakers := range [][2]int{{1, 2}, {2, 1}, {3, 3}} {
		t.Run(fmt.Sprint(breakers), func(t *testing.T) {
			exploreAll(t, func() *world {
				cfgs := [2]Config{testConfig(1), testConfig(2)}
				w := newWorld(t, cfgs[0], cfgs[1])
				withBreakers(t, w, cfgs, breakers)
				return w
			})
		})
	}
}

// The same for two ICRQs for one Remote End ID.
func TestSessionTieInAllOrders(t *testing.T) {
	for seed := range uint64(2) {
		exploreAll(t, func() *world {
			w := newWorld(t, testConfig(seed+1), testConfig(seed+3))
			w.start()
			w.settle(time.Minute)
			for i, s := range w.sides {
				s.wants = []string{"red"}
				w.step(i, func(out *Output) { w.openAll(s, out) })
			}
			return w
		})
	}
}

// Equal session tie breakers: both are discarded, and the next try decides.
func TestEqualSessionTieBreakers(t *testing.T) {
	w := newWorld(t, testConfig(1), testConfig(2))
	w.start()
	w.settle(time.Minute)
	for i, s := range w.sides {
		s.wants = []string{"red"}
		source, draw := s.peer.cfg.Rand, 0
		s.peer.cfg.Rand = func(b []byte) {
			source(b)
			if draw == 2 { // behind the ID and the cookie
				clear(b)
			}
			draw++
		}
		w.step(i, func(out *Output) { w.openAll(s, out) })
		if s.sessions["red"].tieBreaker != 0 {
			t.Fatal("these are not the draws of the tie breaker any more")
		}
	}
	w.settle(time.Minute)
}

// A side that is restarted has its connection and sessions back at once, not after the other's
// HELLO.
func TestRestart(t *testing.T) {
	for restarted := range 2 {
		w := newWorld(t, testConfig(1), testConfig(2), "red", "blue")
		w.start()
		w.settle(time.Minute)
		w.run(10 * time.Second)
		w.boot(restarted, testConfig(9))
		s := w.sides[restarted]
		w.step(restarted, func(out *Output) { s.peer.Start(w.now, out) })
		w.settle(3 * time.Second)
		if other := w.sides[1-restarted]; other.ups != 2 {
			t.Errorf("%d connections, want 2", other.ups)
		}
		w.stopBoth()
	}
}
