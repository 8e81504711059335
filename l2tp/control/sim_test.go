package control

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// weather is how bad the link between two sides is.
type weather struct {
	loss, duplication float64       // of a datagram, 0 to 1
	delay, jitter     time.Duration // jitter beyond the time between datagrams reorders them
}

// blow makes the weather of w.
func (w *world) blow(dice *rand.Rand, now weather) {
	w.send = func(to int, b []byte) {
		if dice.Float64() < now.loss {
			return
		}
		copies := 1
		if dice.Float64() < now.duplication {
			copies = 2
		}
		for range copies {
			at := w.now.Add(now.delay + time.Duration(dice.Int64N(int64(now.jitter)+1)))
			w.flight = append(w.flight, flying{to, at, b})
		}
	}
}

// TestSimulation has two sides meet in bad weather, with owners that change their minds, PEs that
// restart, and time passing. When it clears up, they agree, always; when both stop, nothing is
// left.
func TestSimulation(t *testing.T) {
	runs := 1500
	if testing.Short() {
		runs = 200
	}
	for seed := range uint64(runs) {
		simulate(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func simulate(t *testing.T, seed uint64) {
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	dice := rand.New(rand.NewPCG(seed, 1))
	vpns := []string{"red", "blue", "green", "grey", "white"}
	boots := uint64(0)
	config := func() Config {
		boots++
		c := testConfig(seed<<8 | boots)
		c.Secret = []byte(changeover[0].secret)
		c.Digest = l2tp.DigestType(dice.IntN(2))
		c.Window = 1 + dice.IntN(16)
		c.Retry.Max = 10 * time.Second
		c.Hello = time.Duration(5+dice.IntN(60)) * time.Second
		return c
	}
	a, b := config(), config()
	switch dice.IntN(4) {
	case 0:
		a.Role = Passive
	case 1:
		a.Role, b.Role = Passive, Active
	}
	w := newWorld(t, a, b, vpns[:1+dice.IntN(len(vpns))]...)
	w.blow(dice, weather{
		loss:        dice.Float64() * 0.4,
		duplication: dice.Float64() * 0.3,
		delay:       time.Duration(dice.IntN(300)) * time.Millisecond,
		jitter:      time.Duration(dice.IntN(3000)) * time.Millisecond,
	})
	w.start()
	var step [2]int // of the changeover
	for range dice.IntN(8) {
		w.run(time.Duration(dice.IntN(15_000)) * time.Millisecond)
		i := dice.IntN(2)
		s := w.sides[i]
		switch dice.IntN(8) {
		case 0, 1: // restart
			c := config()
			c.Role, c.Secret, c.NextSecret = s.peer.cfg.Role, s.peer.cfg.Secret, s.peer.cfg.NextSecret
			w.boot(i, c)
			w.step(i, func(out *Output) { s.peer.Start(w.now, out) })
		case 2, 3: // an orderly stop and start
			w.step(i, func(out *Output) { s.peer.Stop(w.now, l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, out) })
			w.run(time.Duration(dice.IntN(3000)) * time.Millisecond)
			w.step(i, func(out *Output) { s.peer.Start(w.now, out) })
		case 4: // circuits go down and up
			for _, name := range s.wants {
				if x := s.sessions[name]; x != nil {
					w.step(i, func(out *Output) { x.SetCircuit(w.now, x.Circuit^l2tp.CircuitActive, out) })
				}
			}
		case 5: // a step to another secret
			if to := step[i] + 1; to < len(changeover) && changeover[to].common(changeover[step[1-i]]) {
				step[i] = to
				w.set(i, changeover[to])
			}
		default: // the owner closes a session, and will open it anew
			name := s.wants[dice.IntN(len(s.wants))]
			if x := s.sessions[name]; x != nil {
				w.step(i, func(out *Output) {
					delete(s.sessions, name)
					w.close(s, x, out)
				})
				s.reopenAt = w.now.Add(time.Second)
			}
		}
	}
	w.blow(dice, weather{delay: 10 * time.Millisecond, jitter: 10 * time.Millisecond})
	w.settle(10 * time.Minute)
	// It lasts: HELLOs keep it up.
	ups := w.sides[0].ups
	w.run(5 * time.Minute)
	w.settle(time.Second)
	if w.sides[0].ups != ups {
		t.Error("the connection does not last in fair weather")
	}
	w.stopBoth()
}

// A dead peer is detected within the HELLO interval and a full retransmission cycle, and found
// again when it is back.
func TestPathFails(t *testing.T) {
	w := newWorld(t, testConfig(1), testConfig(2), "red")
	w.start()
	w.settle(time.Minute)
	w.run(30 * time.Second)
	send := w.send
	w.send = func(int, []byte) {}
	w.run(60*time.Second + testCycle)
	for i, s := range w.sides {
		if s.peer.Established() != nil || s.sessions["red"] != nil {
			t.Errorf("side %d does not notice", i)
		}
		if why := s.peer.Status().Why; why.Cause != CauseSilent {
			t.Errorf("side %d: %s", i, why)
		}
	}
	w.send = send
	w.settle(3 * time.Minute)
}

// Many sessions at once, through a small window.
func TestManySessions(t *testing.T) {
	names := make([]string, 2000)
	for i := range names {
		names[i] = string([]byte{byte(i >> 8), byte(i)})
	}
	a, b := testConfig(1), testConfig(2)
	a.Window = 4
	w := newWorld(t, a, b, names...)
	dice := rand.New(rand.NewPCG(1, 1))
	w.blow(dice, weather{loss: 0.01, delay: time.Millisecond, jitter: 2 * time.Millisecond})
	w.start()
	w.settle(10 * time.Minute)
	for i, s := range w.sides {
		if r := s.peer.Established().Counters(); r.Sent == 0 || r.Received == 0 || r.PeerWindow != []int{16, 4}[i] {
			t.Errorf("counters %+v", r)
		}
	}
}
