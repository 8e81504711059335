package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// expectState fails the test if c is in another state.
func (d *dialogue) expectState(c *Connection, want State) {
	d.t.Helper()
	if c.State != want {
		d.t.Fatalf("state %s, want %s", c.State, want)
	}
}

// TestConnectionStates checks each row of the table of RFC 3931, section 7.2.
func TestConnectionStates(t *testing.T) {
	tests := []struct {
		row  string
		role Role
		talk func(d *dialogue)
	}{
		{"idle | local open request | send SCCRQ | wait-ctl-reply", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.expectState(d.peer.attempt, WaitCtlReply)
		}},
		{"idle | receive SCCRQ, acceptable | send SCCRP | wait-ctl-conn", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			m := d.expect(l2tp.SCCRP)
			if m.ConnectionID != d.call.id || m.AssignedConnectionID == 0 || string(m.HostName) != "pe1" ||
				m.RouterID != 0xc0000201 || string(m.VendorName) != "l2tpvl" || m.ReceiveWindow != 16 ||
				!m.Pseudowires.Has(l2tp.PseudowirePPP) {
				t.Errorf("SCCRP %+v", m)
			}
			d.expectState(d.peer.incoming[0], WaitCtlConn)
		}},
		{"idle | receive SCCRQ, not acceptable | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ, without(l2tp.AVPHostName))
			d.expectStop(l2tp.StopGeneralError)
			if len(d.peer.live()) != 0 {
				t.Error("the refused SCCRQ left a connection")
			}
		}},
		// Instead of idle | receive SCCRP, SCCCN | send StopCCN: such a message has an unknown
		// connection ID, so there are no nonces to verify it or to sign an answer with.
		{"idle | receive SCCRP | drop | idle", Passive, func(d *dialogue) {
			d.call.peerID = 0x1234
			d.send(l2tp.SCCRP)
			d.send(l2tp.SCCCN)
			if got := d.peer.Status().Drops[DropUnknownConnection]; got != 2 {
				t.Errorf("%d messages dropped, want 2", got)
			}
		}},
		{"wait-ctl-reply | receive SCCRP, acceptable | send SCCCN | established", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.send(l2tp.SCCRP)
			d.expect(l2tp.SCCCN)
			c := event[ConnectionUp](d).Connection
			d.expectState(c, Established)
			if c.HostName != "pe2" || c.RouterID != 0xc0000202 || c.PeerID != d.call.id || d.peer.Established() != c {
				t.Errorf("connection %+v", c)
			}
		}},
		{"wait-ctl-reply | receive SCCRP, not acceptable | send StopCCN, clean up | idle", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.send(l2tp.SCCRP, without(l2tp.AVPRouterID))
			if m := d.expectStop(l2tp.StopGeneralError); m.ConnectionID != d.call.id {
				t.Error("the StopCCN was not sent to the ID in the SCCRP")
			}
			d.expectConnectionDown(CauseProtocol)
		}},
		{"wait-ctl-reply | receive SCCRQ, lose tie breaker, acceptable | send SCCRP | wait-ctl-conn", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.newCall()
			d.send(l2tp.SCCRQ, tieBreaker(0))
			d.expect(l2tp.SCCRP)
			d.expectState(d.peer.incoming[0], WaitCtlConn)
			if d.peer.attempt != nil {
				t.Error("the losing attempt continues")
			}
		}},
		{"wait-ctl-reply | receive SCCRQ, lose tie breaker, unacceptable | send StopCCN, clean up | idle", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.newCall()
			d.send(l2tp.SCCRQ, tieBreaker(0), without(l2tp.AVPHostName))
			d.expectStop(l2tp.StopGeneralError)
			d.expectConnectionDown(CauseTie)
			if len(d.peer.live()) != 0 {
				t.Error("connections left")
			}
		}},
		{"wait-ctl-reply | receive SCCRQ, win tie breaker | send StopCCN for losing connection | wait-ctl-reply", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.newCall()
			d.send(l2tp.SCCRQ, tieBreaker(1<<64-1))
			d.expectStop(l2tp.StopAlreadyExists)
			d.expectAgain(l2tp.SCCRQ, 0) // the peer may have started only now
			d.expectState(d.peer.attempt, WaitCtlReply)
		}},
		{"wait-ctl-reply | receive SCCCN | send StopCCN, clean up | idle", Active, func(d *dialogue) {
			m := d.expect(l2tp.SCCRQ)
			d.call.peerID = m.AssignedConnectionID
			d.send(l2tp.SCCCN)
			d.expectStop(l2tp.StopFSMError)
			d.expectConnectionDown(CauseProtocol)
		}},
		{"wait-ctl-conn | receive SCCCN, acceptable | | established", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCCN)
			d.expect(l2tp.ACK)
			c := event[ConnectionUp](d).Connection
			d.expectState(c, Established)
			if c.Initiator || c.HostName != "pe2" || d.peer.Established() != c {
				t.Errorf("connection %+v", c)
			}
		}},
		{"wait-ctl-conn | receive SCCCN, not acceptable | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCCN, mandatoryUnknown)
			if m := d.expectStop(l2tp.StopGeneralError); m.Result.Error != l2tp.ErrorUnknownAVP {
				t.Errorf("error code %s", m.Result.Error)
			}
			d.expectConnectionDown(CauseProtocol)
		}},
		{"wait-ctl-conn | receive SCCRQ | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCRQ)
			d.expectStop(l2tp.StopFSMError)
			d.expectConnectionDown(CauseProtocol)
		}},
		{"wait-ctl-conn | receive SCCRP | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCRP)
			d.expectStop(l2tp.StopFSMError)
			d.expectConnectionDown(CauseProtocol)
		}},
		{"established | administrative close | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			c := d.scriptConnects()
			d.stop()
			if m := d.expectStop(l2tp.StopShuttingDown); m.AssignedConnectionID != c.ID {
				t.Error("the StopCCN does not assign our ID")
			}
			d.expectConnectionDown(CauseClosed)
			if d.peer.Established() != nil || d.peer.Done() {
				t.Error("not stopping after Stop")
			}
			d.send(l2tp.ACK)
			if !d.peer.Done() {
				t.Error("not done after the acknowledgement of the StopCCN")
			}
		}},
		{"established | receive SCCRQ | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.scriptConnects()
			d.send(l2tp.SCCRQ)
			d.expectStop(l2tp.StopFSMError)
			d.expectConnectionDown(CauseProtocol)
		}},
		{"established | receive SCCRP | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.scriptConnects()
			d.send(l2tp.SCCRP)
			d.expectStop(l2tp.StopFSMError)
			d.expectConnectionDown(CauseProtocol)
		}},
		{"established | receive SCCCN | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.scriptConnects()
			d.send(l2tp.SCCCN)
			d.expectStop(l2tp.StopFSMError)
			d.expectConnectionDown(CauseProtocol)
		}},
		{"idle | receive StopCCN | clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.StopCCN)
			if d.peer.Status().Drops[DropUnexpected] != 1 {
				t.Error("the StopCCN was not counted as dropped")
			}
		}},
		{"wait-ctl-reply | receive StopCCN | clean up | idle", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.send(l2tp.StopCCN, result(l2tp.StopNotAuthorized))
			d.expect(l2tp.ACK)
			if e := event[ConnectionDown](d); e.Why.Cause != CauseRefused || e.Why.Result.Code != uint16(l2tp.StopNotAuthorized) {
				t.Errorf("reason %+v", e.Why)
			}
		}},
		{"wait-ctl-conn | receive StopCCN | clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.StopCCN)
			d.expect(l2tp.ACK)
			d.expectConnectionDown(CauseRefused)
		}},
		{"established | receive StopCCN | clean up | idle", Passive, func(d *dialogue) {
			c := d.scriptConnects()
			again := d.send(l2tp.StopCCN)
			d.expect(l2tp.ACK)
			d.expectConnectionDown(CauseRefused)
			d.expectState(c, Stopped)
			// Section 3.3.2: its retransmissions are acknowledged for a full cycle.
			d.wait(testCycle - time.Second)
			d.deliver(again)
			d.expect(l2tp.ACK)
			d.wait(time.Second)
			d.deliver(again)
		}},
	}
	for _, test := range tests {
		t.Run(test.row, func(t *testing.T) {
			d := newDialogue(t, func(c *Config) { c.Role = test.role })
			test.talk(d)
		})
	}
}

// Failed attempts are retried with back-off. A lasting connection resets the back-off.
func TestRetry(t *testing.T) {
	d := newDialogue(t, active)
	limits := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i, most := range limits {
		d.expect(l2tp.SCCRQ)
		d.send(l2tp.StopCCN, result(l2tp.StopNotAuthorized))
		d.expect(l2tp.ACK)
		d.expectConnectionDown(CauseRefused)
		status := d.peer.Status()
		delay := status.RetryAt.Sub(d.now)
		if most *= time.Second; delay < most/2 || delay > most || status.Failures != i+1 || !status.Ended {
			t.Fatalf("failure %d: %s until the next attempt, want %s to %s", i, delay, most/2, most)
		}
		d.newCall()
		d.wait(delay)
	}
	// RetryNow starts an attempt at once, and retransmits its SCCRQ before the timer.
	d.expect(l2tp.SCCRQ)
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
	d.newCall()
	d.step(func(out *Output) { d.peer.RetryNow(d.now, out) })
	d.expect(l2tp.SCCRQ)
	d.step(func(out *Output) { d.peer.RetryNow(d.now, out) })
	d.expectAgain(l2tp.SCCRQ, 0)
	d.send(l2tp.SCCRP)
	d.expect(l2tp.SCCCN)
	d.send(l2tp.ACK)
	event[ConnectionUp](d)
	for range 2 {
		d.wait(30 * time.Second)
		d.send(l2tp.HELLO)
		d.expect(l2tp.ACK)
	}
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
	if delay := d.peer.Status().RetryAt.Sub(d.now); delay > time.Second {
		t.Errorf("%s until the next attempt after a lasting connection, want 1s at most", delay)
	}
}

func TestPassiveNeverInitiates(t *testing.T) {
	d := newDialogue(t)
	if !d.peer.Deadline().IsZero() {
		t.Error("a passive Peer without connections has a deadline")
	}
	d.scriptConnects()
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
	d.wait(time.Hour)
}

// A stopped Peer refuses connections with a StopCCN instead of ignoring them.
func TestStoppedPeerRefusesSCCRQ(t *testing.T) {
	d := newDialogue(t)
	d.stop()
	d.send(l2tp.SCCRQ)
	d.expectStop(l2tp.StopShuttingDown)
}

// RFC 3931, section 4.7.3: an SCCRQ of version 2 that has all of L2TPv3's AVPs is answered in
// version 3.
func TestFallbackSCCRQ(t *testing.T) {
	d := newDialogue(t, noSecret)
	d.send(l2tp.SCCRQ, tampered(func(b []byte) []byte {
		b[1] = 2
		return b
	}))
	d.expect(l2tp.SCCRP)
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
}

// The advertised Receive Window Size is never 0 (section 5.4.3), and bounded.
func TestWindowInRange(t *testing.T) {
	for window, want := range map[int]uint16{-1: 1, 0: 1, 1: 1, 16: 16, 100000: maxWindow} {
		d := newDialogue(t, active, func(c *Config) { c.Window = window })
		if m := d.expect(l2tp.SCCRQ); m.ReceiveWindow != want {
			t.Errorf("window %d sent as %d, want %d", window, m.ReceiveWindow, want)
		}
	}
}

func TestStateAndDropNames(t *testing.T) {
	seen := map[string]bool{}
	for d := range dropKinds {
		seen[d.String()] = true
	}
	for s := Idle; s <= Stopped; s++ {
		seen[s.String()] = true
	}
	if seen[""] || len(seen) != int(dropKinds)+int(Stopped)+1 {
		t.Errorf("missing or duplicate names: %v", seen)
	}
}
