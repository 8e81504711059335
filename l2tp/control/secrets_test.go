package control

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// secrets is the configuration of a side at one step of the change.
type secrets struct{ secret, next string }

// changeover lists the steps of a side from the old secret to the new one. The old secret remains
// valid as the next one, so that the operator can exchange the two first.
var changeover = []secrets{{"old", ""}, {"old", "new"}, {"new", "old"}, {"new", ""}}

// common reports whether two sides at these steps have a secret in common.
func (s secrets) common(other secrets) bool {
	return slices.ContainsFunc([]string{s.secret, s.next}, func(x string) bool {
		return x != "" && (x == other.secret || x == other.next)
	})
}

func octetsOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// setSecrets changes the secrets of side i.
func (sim *simulation) setSecrets(i int, s secrets) {
	sim.step(i, func(out *Output) { sim.sides[i].peer.SetSecrets(sim.now, octetsOf(s.secret), octetsOf(s.next), out) })
}

// paths yields each order of the steps of two sides in which they always have a secret in common.
func paths(yield func([]int)) {
	last := len(changeover) - 1
	var walk func(at [2]int, path []int)
	walk = func(at [2]int, path []int) {
		if at == [2]int{last, last} {
			yield(path)
			return
		}
		for i := range 2 {
			to := at
			to[i]++
			if to[i] <= last && changeover[to[0]].common(changeover[to[1]]) {
				walk(to, append(slices.Clip(path), i))
			}
		}
	}
	walk([2]int{}, nil)
}

// RFC 3931, section 5.4.1: two secrets allow a change without interruption. In any order of the
// steps of two PEs, with messages queued, in flight or lost at each step, no connection and no
// session ends.
func TestSecretRollover(t *testing.T) {
	n := 0
	paths(func(path []int) {
		for _, digests := range [][2]l2tp.DigestType{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
			n++
			var cfgs [2]Config
			for i := range cfgs {
				cfgs[i] = testConfig(uint64(n*2 + i))
				cfgs[i].Secret, cfgs[i].Digest, cfgs[i].Hello = []byte("old"), digests[i], time.Minute
			}
			sim := newSimulation(t, cfgs[0], cfgs[1], "red", "blue", "green")
			sim.start()
			sim.runUntilAgreed(time.Minute)
			// All sessions so far, including those that lost a tie.
			sessions := [2]int{len(sim.sides[0].stages), len(sim.sides[1].stages)}
			at := [2]int{}
			for _, i := range path {
				// Messages are queued, in flight or lost when the secrets change.
				lose := n%2 == 0
				for j, s := range sim.sides {
					for _, x := range s.sessions {
						status := x.Circuit ^ l2tp.CircuitActive
						sim.step(j, func(out *Output) { x.SetCircuit(sim.now, status, out) })
					}
				}
				if lose {
					sim.flight = nil
				}
				at[i]++
				sim.setSecrets(i, changeover[at[i]])
				sim.runUntilAgreed(30 * time.Second)
				sim.run(2 * time.Minute) // HELLOs
				if err := sim.disagreement(); err != nil {
					t.Fatalf("path %v, side %d at %v: %v", path, i, changeover[at[i]], err)
				}
			}
			for i, s := range sim.sides {
				if s.ups != 1 || s.peer.Status().Ended || len(s.stages) != sessions[i] {
					t.Fatalf("path %v, side %d: a connection or session ended: %d connections, %d sessions", path, i, s.ups, len(s.stages))
				}
			}
			sim.stopBoth()
		}
	})
	t.Logf("%d changes", n)
	if n < 40 {
		t.Error("fewer than 40 changes: paths is incomplete")
	}
}

// For each pair of steps, a new connection is established if and only if the two sides have a
// secret in common.
func TestSecretMatrix(t *testing.T) {
	for _, a := range changeover {
		for _, b := range changeover {
			t.Run(fmt.Sprint(a, b), func(t *testing.T) {
				var cfgs [2]Config
				for i, s := range []secrets{a, b} {
					cfgs[i] = testConfig(uint64(i + 1))
					cfgs[i].Secret, cfgs[i].NextSecret = octetsOf(s.secret), octetsOf(s.next)
				}
				sim := newSimulation(t, cfgs[0], cfgs[1], "red")
				sim.start()
				if a.common(b) {
					sim.runUntilAgreed(time.Minute)
					sim.stopBoth()
					return
				}
				sim.run(10 * time.Minute)
				for i, s := range sim.sides {
					if s.peer.Established() != nil || s.peer.Status().Drops[DropUnauthenticated] == 0 {
						t.Errorf("side %d without a common secret: %+v", i, s.peer.Status())
					}
				}
			})
		}
	}
}

// A mistake in the order of the steps ends nothing if it is corrected before the retransmissions
// end.
func TestSecretMistakeCorrected(t *testing.T) {
	sim := newSimulation(t, testConfig(1), testConfig(2), "red")
	sim.start()
	sim.runUntilAgreed(time.Minute)
	sim.setSecrets(0, secrets{"another", ""})
	s := sim.sides[0].sessions["red"]
	sim.step(0, func(out *Output) { s.SetCircuit(sim.now, circuitDown, out) })
	sim.run(20 * time.Second)
	if sim.disagreement() == nil {
		t.Fatal("the sides agree with different secrets")
	}
	sim.setSecrets(0, secrets{"secret", ""})
	sim.runUntilAgreed(20 * time.Second)
	if sim.sides[0].ups != 1 || sim.sides[1].sessions["red"].PeerCircuit != circuitDown {
		t.Error("the connection ended, or the circuit status was lost")
	}
}

// RFC 3931, section 5.4.1: a message with two digests is accepted if either is valid, whatever
// their types and order are.
func TestTwoDigests(t *testing.T) {
	right, wrong := l2tp.NewKey([]byte("secret")), l2tp.NewKey([]byte("another"))
	for _, first := range []l2tp.DigestType{l2tp.DigestHMACMD5, l2tp.DigestHMACSHA1} {
		second := 1 - first
		tests := []struct {
			name string
			keys l2tp.Keys
			ok   bool
		}{
			{"first is right", l2tp.Keys{{Key: right, Type: first}, {Key: wrong, Type: second}}, true},
			{"second is right", l2tp.Keys{{Key: wrong, Type: first}, {Key: right, Type: second}}, true},
			{"both are", l2tp.Keys{{Key: right, Type: first}, {Key: right, Type: second}}, true},
			{"second of the same type is right", l2tp.Keys{{Key: wrong, Type: first}, {Key: right, Type: first}}, true},
			{"neither is", l2tp.Keys{{Key: wrong, Type: first}, {Key: wrong, Type: second}}, false},
		}
		for _, test := range tests {
			t.Run(first.String()+" first, "+test.name, func(t *testing.T) {
				d := newDialogue(t)
				c := d.scriptConnects()
				d.digest = first
				d.send(l2tp.HELLO, func(m *draft) {
					m.NumDigests = 0
					test.keys.AddDigests(&m.Message)
				}, tampered(func(b []byte) []byte {
					if err := test.keys.Sign(b, d.call.nonce, d.call.peerNonce); err != nil {
						t.Fatal(err)
					}
					return b
				}))
				if !test.ok {
					d.expectUnauthenticated(1)
					return
				}
				d.expect(l2tp.ACK)
				d.expectState(c, Established)
			})
		}
	}
}

// With two secrets every sent message has two digests, including messages queued before.
func TestTwoSecretsSignTwice(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	d.open("red")
	before := d.expect(l2tp.ICRQ)
	for _, change := range []struct {
		next    []byte
		digests int
	}{{[]byte("next"), 2}, {nil, 1}} {
		d.step(func(out *Output) { d.peer.SetSecrets(d.now, []byte("secret"), change.next, out) })
		d.wait(c.reliable.resendAt.Sub(d.now))
		m := d.expectAgain(l2tp.ICRQ, before.Ns)
		if m.NumDigests != change.digests || m.LocalSessionID != before.LocalSessionID || m.TieBreaker != before.TieBreaker ||
			string(m.RemoteEndID) != "red" || m.Has != before.Has {
			t.Errorf("retransmission has %d digests, want %d: %+v", m.NumDigests, change.digests, m)
		}
	}
	d.send(l2tp.HELLO)
	if m := d.expect(l2tp.ACK); m.NumDigests != 1 {
		t.Errorf("ACK has %d digests, want 1", m.NumDigests)
	}
}

// RFC 3931, section 5.3: an AVP may be hidden with either secret.
func TestHiddenWithEitherSecret(t *testing.T) {
	for _, secret := range []string{"secret", "next"} {
		d := newDialogue(t, func(c *Config) { c.NextSecret = []byte("next") })
		d.scriptConnects()
		d.send(l2tp.ICRQ, ids(5, 0), hidden(secret))
		d.expect(l2tp.ACK)
		if s := event[CallIncoming](d).Session; string(s.RemoteEndID) != "red" {
			t.Errorf("Remote End ID %q", s.RemoteEndID)
		}
	}
	d := newDialogue(t, func(c *Config) { c.NextSecret = []byte("next") })
	d.scriptConnects()
	d.send(l2tp.ICRQ, ids(5, 0), hidden("another"))
	d.expectCDN(l2tp.CDNGeneralError, 5)
}

// A message received out of order may have AVPs hidden with a secret that is no longer known when
// its turn comes. A change of secrets discards it, and the peer retransmits it.
func TestSecretsChangeWhileMessagesWait(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.Secret, c.NextSecret = []byte("secret"), []byte("next") })
	d.scriptConnects()
	hello := d.encode(l2tp.HELLO)
	again := *d.call
	d.send(l2tp.ICRQ, ids(5, 0), hidden("secret"))
	d.expect(l2tp.ACK)
	d.step(func(out *Output) { d.peer.SetSecrets(d.now, []byte("next"), []byte("secret"), out) })
	d.deliver(hello)
	d.expect(l2tp.ACK)
	d.expectNoEvent()
	d.call.ns = again.ns
	d.send(l2tp.ICRQ, ids(5, 0), hidden("next"))
	d.expect(l2tp.ACK)
	event[CallIncoming](d)
}

// RFC 3931, section 4.3: authentication is agreed on during connection setup. Switching it on or
// off replaces the connection.
func TestAuthenticationSwitched(t *testing.T) {
	sim := newSimulation(t, testConfig(1), testConfig(2), "red")
	sim.start()
	sim.runUntilAgreed(time.Minute)
	for n, s := range []secrets{{}, {"secret", ""}} {
		for i := range sim.sides {
			sim.setSecrets(i, s)
			sim.run(time.Second)
		}
		sim.runUntilAgreed(3 * time.Minute)
		for i, side := range sim.sides {
			if side.ups != n+2 || side.peer.Established().auth.hasSecret != (s.secret != "") {
				t.Errorf("side %d: %d connections, authentication %t", i, side.ups, side.peer.Established().auth.hasSecret)
			}
		}
	}
	sim.stopBoth()
}

// A second switch does not end a connection again.
func TestAuthenticationSwitchedTwice(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	for range 2 {
		d.step(func(out *Output) { d.peer.SetSecrets(d.now, nil, nil, out) })
	}
	d.expectStop(l2tp.StopGeneral)
	d.expectConnectionDown(CauseClosed)
	d.expectState(c, Stopping)
	d.wait(time.Second)
	d.expectAgain(l2tp.StopCCN, 1) // signed as before
}
