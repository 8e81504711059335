package control

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// linkQuality describes how the simulated path between two sides loses, duplicates and delays
// datagrams.
type linkQuality struct {
	loss, duplication float64       // probability for each datagram, 0 to 1
	delay, jitter     time.Duration // jitter longer than the time between datagrams reorders them
}

// setQuality sets the quality of the path, with dice as the source of randomness.
func (sim *simulation) setQuality(dice *rand.Rand, quality linkQuality) {
	sim.send = func(to int, b []byte) {
		if dice.Float64() < quality.loss {
			return
		}
		copies := 1
		if dice.Float64() < quality.duplication {
			copies = 2
		}
		for range copies {
			at := sim.now.Add(quality.delay + time.Duration(dice.Int64N(int64(quality.jitter)+1)))
			sim.flight = append(sim.flight, inFlight{to, at, b})
		}
	}
}

// TestSimulation connects two sides over a bad link while owners close and reopen sessions and PEs
// restart. Once the link is good the sides always agree; once both stop, no state is left.
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
	sim := newSimulation(t, a, b, vpns[:1+dice.IntN(len(vpns))]...)
	sim.setQuality(dice, linkQuality{
		loss:        dice.Float64() * 0.4,
		duplication: dice.Float64() * 0.3,
		delay:       time.Duration(dice.IntN(300)) * time.Millisecond,
		jitter:      time.Duration(dice.IntN(3000)) * time.Millisecond,
	})
	sim.start()
	var step [2]int // of each side in changeover
	for range dice.IntN(8) {
		sim.run(time.Duration(dice.IntN(15_000)) * time.Millisecond)
		i := dice.IntN(2)
		s := sim.sides[i]
		switch dice.IntN(8) {
		case 0, 1: // restart
			c := config()
			c.Role, c.Secret, c.NextSecret = s.peer.cfg.Role, s.peer.cfg.Secret, s.peer.cfg.NextSecret
			sim.boot(i, c)
			sim.step(i, func(out *Output) { s.peer.Start(sim.now, out) })
		case 2, 3: // an orderly stop and start
			sim.step(i, func(out *Output) { s.peer.Stop(sim.now, l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, out) })
			sim.run(time.Duration(dice.IntN(3000)) * time.Millisecond)
			sim.step(i, func(out *Output) { s.peer.Start(sim.now, out) })
		case 4: // circuits go down and up
			for _, name := range s.wants {
				if x := s.sessions[name]; x != nil {
					sim.step(i, func(out *Output) { x.SetCircuit(sim.now, x.Circuit^l2tp.CircuitActive, out) })
				}
			}
		case 5: // a step of the change of the secret
			if to := step[i] + 1; to < len(changeover) && changeover[to].common(changeover[step[1-i]]) {
				step[i] = to
				sim.setSecrets(i, changeover[to])
			}
		default: // the owner closes a session and reopens it later
			name := s.wants[dice.IntN(len(s.wants))]
			if x := s.sessions[name]; x != nil {
				sim.step(i, func(out *Output) {
					delete(s.sessions, name)
					sim.close(s, x, out)
				})
				s.reopenAt = sim.now.Add(time.Second)
			}
		}
	}
	sim.setQuality(dice, linkQuality{delay: 10 * time.Millisecond, jitter: 10 * time.Millisecond})
	sim.runUntilAgreed(10 * time.Minute)
	// HELLOs keep the connection up.
	ups := sim.sides[0].ups
	sim.run(5 * time.Minute)
	sim.runUntilAgreed(time.Second)
	if sim.sides[0].ups != ups {
		t.Error("the connection ended on a good link")
	}
	sim.stopBoth()
}

// A dead path is detected within the HELLO interval and a full retransmission cycle. The connection
// is established again once the path works.
func TestPathFails(t *testing.T) {
	sim := newSimulation(t, testConfig(1), testConfig(2), "red")
	sim.start()
	sim.runUntilAgreed(time.Minute)
	sim.run(30 * time.Second)
	send := sim.send
	sim.send = func(int, []byte) {}
	sim.run(60*time.Second + testCycle)
	for i, s := range sim.sides {
		if s.peer.Established() != nil || s.sessions["red"] != nil {
			t.Errorf("side %d has not noticed the dead path", i)
		}
		if why := s.peer.Status().Why; why.Cause != CauseSilent {
			t.Errorf("side %d: connection ended for %q, want CauseSilent", i, why)
		}
	}
	sim.send = send
	sim.runUntilAgreed(3 * time.Minute)
}

// Many sessions open at the same time through a small window.
func TestManySessions(t *testing.T) {
	names := make([]string, 2000)
	for i := range names {
		names[i] = string([]byte{byte(i >> 8), byte(i)})
	}
	a, b := testConfig(1), testConfig(2)
	a.Window = 4
	sim := newSimulation(t, a, b, names...)
	dice := rand.New(rand.NewPCG(1, 1))
	sim.setQuality(dice, linkQuality{loss: 0.01, delay: time.Millisecond, jitter: 2 * time.Millisecond})
	sim.start()
	sim.runUntilAgreed(10 * time.Minute)
	for i, s := range sim.sides {
		if r := s.peer.Established().Counters(); r.Sent == 0 || r.Received == 0 || r.PeerWindow != []int{16, 4}[i] {
			t.Errorf("counters %+v", r)
		}
	}
}
