package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// state fails the test if c is not in that state.
func (d *dialogue) state(c *Connection, want State) {
	d.t.Helper()
	if c.State != want {
		d.t.Fatalf("state %s, want %s", c.State, want)
	}
}

// TestConnectionStates goes through RFC 3931 section 7.2's table, row by row.
func TestConnectionStates(t *testing.T) {
	tests := []struct {
		row  string
		role Role
		talk func(d *dialogue)
	}{
		{"idle | local open request | send SCCRQ | wait-ctl-reply", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.state(d.peer.attempt, WaitCtlReply)
		}},
		{"idle | receive SCCRQ, acceptable | send SCCRP | wait-ctl-conn", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			m := d.expect(l2tp.SCCRP)
			if m.ConnectionID != d.call.id || m.AssignedConnectionID == 0 || string(m.HostName) != "pe1" ||
				m.RouterID != 0xc0000201 || string(m.VendorName) != "l2tpvl" || m.ReceiveWindow != 16 ||
				!m.Pseudowires.Has(l2tp.PseudowirePPP) {
				t.Errorf("SCCRP %+v", m)
			}
			d.state(d.peer.offers[0], WaitCtlConn)
		}},
		{"idle | receive SCCRQ, not acceptable | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ, without(l2tp.AVPHostName))
			d.expectStop(l2tp.StopGeneralError)
			if len(d.peer.live()) != 0 {
				t.Error("state for a call refused")
			}
		}},
		// To idle | receive SCCRP, SCCCN | send StopCCN: such a message names no connection of ours, so that there are no
		// nonces to believe or to answer it with.
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
			d.state(c, Established)
			if c.HostName != "pe2" || c.RouterID != 0xc0000202 || c.PeerID != d.call.id || d.peer.Established() != c {
				t.Errorf("connection %+v", c)
			}
		}},
		{"wait-ctl-reply | receive SCCRP, not acceptable | send StopCCN, clean up | idle", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.send(l2tp.SCCRP, without(l2tp.AVPRouterID))
			if m := d.expectStop(l2tp.StopGeneralError); m.ConnectionID != d.call.id {
				t.Error("the StopCCN does not go to the ID in the SCCRP")
			}
			d.lost(CauseProtocol)
		}},
		{"wait-ctl-reply | receive SCCRQ, lose tie breaker, acceptable | send SCCRP | wait-ctl-conn", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.dial()
			d.send(l2tp.SCCRQ, breaker(0))
			d.expect(l2tp.SCCRP)
			d.state(d.peer.offers[0], WaitCtlConn)
			if d.peer.attempt != nil {
				t.Error("the losing attempt goes on")
			}
		}},
		{"wait-ctl-reply | receive SCCRQ, lose tie breaker, unacceptable | send StopCCN, clean up | idle", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.dial()
			d.send(l2tp.SCCRQ, breaker(0), without(l2tp.AVPHostName))
			d.expectStop(l2tp.StopGeneralError)
			d.lost(CauseTie)
			if len(d.peer.live()) != 0 {
				t.Error("not idle")
			}
		}},
		{"wait-ctl-reply | receive SCCRQ, win tie breaker | send StopCCN for losing connection | wait-ctl-reply", Active, func(d *dialogue) {
			d.expect(l2tp.SCCRQ)
			d.dial()
			d.send(l2tp.SCCRQ, breaker(1<<64-1))
			d.expectStop(l2tp.StopAlreadyExists)
			d.state(d.peer.attempt, WaitCtlReply)
		}},
		{"wait-ctl-reply | receive SCCCN | send StopCCN, clean up | idle", Active, func(d *dialogue) {
			m := d.expect(l2tp.SCCRQ)
			d.call.peerID = m.AssignedConnectionID
			d.send(l2tp.SCCCN)
			d.expectStop(l2tp.StopFSMError)
			d.lost(CauseProtocol)
		}},
		{"wait-ctl-conn | receive SCCCN, acceptable | | established", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCCN)
			d.expect(l2tp.ACK)
			c := event[ConnectionUp](d).Connection
			d.state(c, Established)
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
			d.lost(CauseProtocol)
		}},
		{"wait-ctl-conn | receive SCCRQ | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCRQ)
			d.expectStop(l2tp.StopFSMError)
			d.lost(CauseProtocol)
		}},
		{"wait-ctl-conn | receive SCCRP | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.SCCRQ)
			d.expect(l2tp.SCCRP)
			d.send(l2tp.SCCRP)
			d.expectStop(l2tp.StopFSMError)
			d.lost(CauseProtocol)
		}},
		{"established | administrative close | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			c := d.called()
			d.stop()
			if m := d.expectStop(l2tp.StopShuttingDown); m.AssignedConnectionID != c.ID {
				t.Error("StopCCN without our ID")
			}
			d.lost(CauseClosed)
			if d.peer.Established() != nil || d.peer.Done() {
				t.Error("not stopping")
			}
			d.send(l2tp.ACK)
			if !d.peer.Done() {
				t.Error("not done")
			}
		}},
		{"established | receive SCCRQ | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.called()
			d.send(l2tp.SCCRQ)
			d.expectStop(l2tp.StopFSMError)
			d.lost(CauseProtocol)
		}},
		{"established | receive SCCRP | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.called()
			d.send(l2tp.SCCRP)
			d.expectStop(l2tp.StopFSMError)
			d.lost(CauseProtocol)
		}},
		{"established | receive SCCCN | send StopCCN, clean up | idle", Passive, func(d *dialogue) {
			d.called()
			d.send(l2tp.SCCCN)
			d.expectStop(l2tp.StopFSMError)
			d.lost(CauseProtocol)
		}},
		{"idle | receive StopCCN | clean up | idle", Passive, func(d *dialogue) {
			d.send(l2tp.StopCCN)
			if d.peer.Status().Drops[DropUnexpected] != 1 {
				t.Error("not dropped")
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
			d.lost(CauseRefused)
		}},
		{"established | receive StopCCN | clean up | idle", Passive, func(d *dialogue) {
			c := d.called()
			again := d.send(l2tp.StopCCN)
			d.expect(l2tp.ACK)
			d.lost(CauseRefused)
			d.state(c, Stopped)
			// Section 3.3.2: it is acknowledged again for a full retransmission cycle.
			d.wait(testCycle - time.Second)
			d.deliver(again)
			d.expect(l2tp.ACK)
			d.wait(time.Second)
			d.deliver(again)
		}},
	}
	for _, test := range tests {
		t.Run(test.row, func(t *testing.T) {
			d := converse(t, func(c *Config) { c.Role = test.role })
			test.talk(d)
		})
	}
}

// Each AVP that section 6 demands of a message is missed, and the answer has result code 2.
func TestRequiredAVPs(t *testing.T) {
	for _, avp := range []l2tp.AVPType{
		l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPAssignedConnectionID, l2tp.AVPPseudowireCapabilities, l2tp.AVPNonce,
	} {
		t.Run("SCCRQ "+avp.String(), func(t *testing.T) {
			d := converse(t)
			d.send(l2tp.SCCRQ, without(avp))
			m := d.take(l2tp.StopCCN)
			if m.Result.Code != uint16(l2tp.StopGeneralError) || len(m.Result.Message) == 0 {
				t.Errorf("result %s", m.Result.Text(l2tp.StopCCN))
			}
		})
	}
	for _, avp := range []l2tp.AVPType{l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPPseudowireCapabilities} {
		t.Run("SCCRP "+avp.String(), func(t *testing.T) {
			d := converse(t, active)
			d.expect(l2tp.SCCRQ)
			d.send(l2tp.SCCRP, without(avp))
			d.expectStop(l2tp.StopGeneralError)
			d.lost(CauseProtocol)
		})
	}
	session := func(m l2tp.MessageType, avp l2tp.AVPType, s *Session, d *dialogue) {
		d.send(m, ids(5, s.ID), without(avp))
		d.expectCDN(l2tp.CDNGeneralError, s.PeerID)
		d.down(s, CauseProtocol)
		d.state(d.peer.Established(), Established)
	}
	for _, avp := range []l2tp.AVPType{
		l2tp.AVPSerialNumber, l2tp.AVPPseudowireType, l2tp.AVPRemoteEndID, l2tp.AVPCircuitStatus, l2tp.AVPRemoteSessionID,
	} {
		t.Run("ICRQ "+avp.String(), func(t *testing.T) {
			d := converse(t)
			d.called()
			d.send(l2tp.ICRQ, ids(5, 0), without(avp))
			d.expectCDN(l2tp.CDNGeneralError, 5)
		})
	}
	for _, avp := range []l2tp.AVPType{l2tp.AVPLocalSessionID, l2tp.AVPCircuitStatus} {
		t.Run("ICRP "+avp.String(), func(t *testing.T) {
			d := converse(t)
			d.called()
			s := d.open("red")
			d.expect(l2tp.ICRQ)
			session(l2tp.ICRP, avp, s, d)
		})
	}
	for _, m := range []l2tp.MessageType{l2tp.ICCN, l2tp.SLI} {
		t.Run(m.String(), func(t *testing.T) {
			d := converse(t)
			d.called()
			s := d.offered("red", 5)
			d.accept(s)
			d.expect(l2tp.ICRP)
			session(m, l2tp.AVPLocalSessionID, s, d)
		})
	}
	t.Run("WEN", func(t *testing.T) {
		d := converse(t)
		d.called()
		session(l2tp.WEN, l2tp.AVPCircuitErrors, d.invited("red", 5), d)
	})
	// A teardown does not fail for what it lacks: its sender has cleaned up.
	t.Run("StopCCN without Result Code", func(t *testing.T) {
		d := converse(t)
		d.called()
		d.send(l2tp.StopCCN, without(l2tp.AVPResultCode))
		d.expect(l2tp.ACK)
		d.lost(CauseRefused)
	})
	t.Run("CDN without Result Code", func(t *testing.T) {
		d := converse(t)
		d.called()
		s := d.invited("red", 5)
		d.send(l2tp.CDN, ids(5, s.ID), without(l2tp.AVPResultCode))
		d.expect(l2tp.ACK)
		d.down(s, CauseRefused)
	})
}

// Sections 5.2 and 7.1: what is malformed beyond repair ends the connection, what may be ignored is.
func TestMalformed(t *testing.T) {
	overrun := tail(0x80, 20, 0, 0, 0, 7) // claims 14 octets more than there are
	messageType := func(bits byte, value uint16) option {
		return tampered(func(b []byte) []byte {
			b[l2tp.HeaderLen] = bits
			b[l2tp.HeaderLen+6], b[l2tp.HeaderLen+7] = byte(value>>8), byte(value)
			return b
		})
	}
	tests := []struct {
		name    string
		option  option
		stopped bool
		err     l2tp.ErrorCode
	}{
		{"unknown AVP, M set", mandatoryUnknown, true, l2tp.ErrorUnknownAVP},
		{"unknown AVP, M clear", tail(0, 6, 0, 0, 0xff, 0xff), false, 0},
		{"AVP overruns the message", overrun, true, l2tp.ErrorLength},
		{"AVP shorter than its header", tail(0, 5, 0, 0, 0xff, 0xff), true, l2tp.ErrorLength},
		{"unknown message type, M set", messageType(0x80, 99), true, l2tp.ErrorValue},
		{"unknown message type, M clear", messageType(0, 99), false, 0},
		{"message type 0, M set", messageType(0x80, 0), true, l2tp.ErrorValue},
		{"another AVP before the message type", tampered(func(b []byte) []byte {
			b[l2tp.HeaderLen+5] = byte(l2tp.AVPHostName)
			return b
		}), true, l2tp.ErrorValue},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := converse(t, noSecret)
			c := d.called()
			d.send(l2tp.HELLO, test.option)
			if !test.stopped {
				d.expect(l2tp.ACK)
				d.state(c, Established)
				return
			}
			if m := d.expectStop(l2tp.StopGeneralError); m.Result.Error != test.err || len(m.Result.Message) == 0 {
				t.Errorf("result %s", m.Result.Text(l2tp.StopCCN))
			}
			d.lost(CauseProtocol)
		})
	}
}

// Section 7.1: a control message with a malformed header must be discarded; one of L2TPv2 is none of ours.
func TestHeaderMalformed(t *testing.T) {
	d := converse(t, noSecret)
	d.called()
	hello := d.encode(l2tp.HELLO)
	for n := range hello {
		d.deliver(hello[:n])
	}
	for _, octet := range []byte{0x48, 0x80, 0x88, 0xc0} { // T, S or L clear
		b := append([]byte{octet}, hello[1:]...)
		d.deliver(b)
	}
	v2 := append([]byte(nil), hello...)
	v2[1] = 2
	d.deliver(v2)
	want := Drops{DropMalformed: uint64(len(hello)) + 4, DropVersion: 1}
	if got := d.peer.Status().Drops; got != want {
		t.Errorf("drops %v, want %v", got, want)
	}
	d.deliver(hello)
	d.expect(l2tp.ACK)
}

// A message of the session level before the connection is established is one in the wrong state.
func TestSessionMessageBeforeEstablished(t *testing.T) {
	d := converse(t)
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.send(l2tp.ICRQ, ids(5, 0))
	d.expectStop(l2tp.StopFSMError)
	d.lost(CauseProtocol)
}

// A peer that does not carry PPP must not be asked for a PPP session (section 5.4.4), and there are no others here.
func TestPeerWithoutPPP(t *testing.T) {
	ethernet := func(m *draft) { m.Pseudowires = l2tp.Pseudowires(l2tp.PseudowireEthernet) }
	d := converse(t)
	d.send(l2tp.SCCRQ, ethernet)
	d.expectStop(l2tp.StopGeneralError)

	d = converse(t, active)
	d.expect(l2tp.SCCRQ)
	d.send(l2tp.SCCRP, ethernet)
	d.expectStop(l2tp.StopGeneralError)
	d.lost(CauseProtocol)
}

// RFC 3931 has no timer for a peer that acknowledges and goes no further. Ours is a full retransmission cycle.
func TestHalfOpenTimesOut(t *testing.T) {
	t.Run("wait-ctl-reply", func(t *testing.T) {
		d := converse(t, noSecret, active)
		d.expect(l2tp.SCCRQ)
		d.send(l2tp.ACK, acking(1))
		d.wait(testCycle - time.Second)
		d.silence()
		d.wait(time.Second)
		m := d.expectStop(l2tp.StopFSMError)
		if m.ConnectionID != 0 || m.AssignedConnectionID != d.call.peerID {
			t.Error("section 5.4.3: a StopCCN to a peer that has not told its ID names ours")
		}
		d.lost(CauseTimeout)
	})
	t.Run("wait-ctl-conn", func(t *testing.T) {
		d := converse(t)
		d.send(l2tp.SCCRQ)
		d.expect(l2tp.SCCRP)
		d.send(l2tp.ACK)
		d.wait(testCycle)
		d.expectStop(l2tp.StopFSMError)
		d.lost(CauseTimeout)
	})
	t.Run("stopping", func(t *testing.T) {
		d := converse(t)
		d.called()
		d.stop()
		d.expectStop(l2tp.StopShuttingDown)
		d.lost(CauseClosed)
		for range 10 {
			d.wait(8 * time.Second)
		}
		for len(d.sent) > 0 {
			d.expectAgain(l2tp.StopCCN, 1)
		}
		if !d.peer.Done() || !d.peer.Deadline().IsZero() {
			t.Error("not done after a full retransmission cycle (section 4.2)")
		}
	})
}

// A StopCCN that crosses ours is acknowledged for a full cycle, as any other (section 3.3.2), and ends the wait for ours.
func TestStopCCNsCross(t *testing.T) {
	d := converse(t)
	c := d.called()
	d.stop()
	d.expectStop(l2tp.StopShuttingDown)
	d.lost(CauseClosed)
	d.call.nr = 1 // the script has not seen it
	again := d.send(l2tp.StopCCN)
	d.expectAgain(l2tp.ACK, 2)
	if !d.peer.Done() {
		t.Error("not done")
	}
	d.state(c, Stopped)
	d.deliver(again)
	d.expectAgain(l2tp.ACK, 2)
	d.wait(testCycle)
	if len(d.peer.closing) != 0 {
		t.Error("the connection stays for longer than a cycle")
	}
}

// The connection is over for us with our StopCCN; what follows is only acknowledged.
func TestStoppingIgnoresAllElse(t *testing.T) {
	d := converse(t)
	d.called()
	d.stop()
	d.expectStop(l2tp.StopShuttingDown)
	d.lost(CauseClosed)
	d.call.nr = 1 // the script has not seen it
	d.send(l2tp.SCCRP)
	d.expectAgain(l2tp.ACK, 2)
	d.send(l2tp.ICRQ, ids(5, 0))
	d.expectAgain(l2tp.ACK, 2)
	d.call.nr = 2
	d.send(l2tp.ACK)
	if !d.peer.Done() {
		t.Error("not done")
	}
}

// What the peer has stopped before we could send it has never had a number.
func TestStopCCNWhileMessagesWait(t *testing.T) {
	d := converse(t, func(c *Config) { c.Hello = 0 })
	d.called()
	var sessions []*Session
	for _, name := range []string{"red", "blue", "green", "grey"} {
		sessions = append(sessions, d.open(name))
	}
	d.expect(l2tp.ICRQ)
	d.expect(l2tp.ICRQ)
	d.silence() // the congestion window
	d.send(l2tp.StopCCN)
	if m := d.expect(l2tp.ACK); m.Ns != 3 {
		t.Errorf("Ns %d, want 3", m.Ns)
	}
	for range sessions {
		if e := event[SessionDown](d); e.Why.Cause != CauseParent {
			t.Errorf("SessionDown %+v", e.Why)
		}
	}
	d.lost(CauseRefused)
	d.wait(testCycle)
}

// A StopCCN from a peer that has not heard our ID finds its connection by reverse lookup (section 5.4.3), as long as the
// connection is half open.
func TestStopCCNByReverseLookup(t *testing.T) {
	d := converse(t)
	d.send(l2tp.SCCRQ)
	m := d.expect(l2tp.SCCRP)
	d.call.peerID, d.call.peerNonce = 0, nil // it got lost
	stop := d.send(l2tp.StopCCN)
	d.call.peerNonce = m.Nonce
	d.expect(l2tp.ACK)
	d.lost(CauseRefused)
	d.deliver(stop)
	d.expect(l2tp.ACK)
}

func TestReverseLookupSparesEstablished(t *testing.T) {
	d := converse(t, noSecret)
	c := d.called()
	d.call.peerID = 0
	d.send(l2tp.StopCCN)
	d.state(c, Established)
}

// Section 4.4: a HELLO after a time of silence, jittered, and the connection is down if it is not acknowledged.
func TestHello(t *testing.T) {
	d := converse(t)
	c := d.called()
	heard := d.now
	d.wait(45*time.Second - 1)
	d.silence()
	d.wait(15 * time.Second)
	d.expect(l2tp.HELLO)
	sentAt := d.now
	d.send(l2tp.ACK)
	if c.LastHeard != sentAt || !heard.Before(sentAt) {
		t.Errorf("last heard %s, want %s", c.LastHeard, sentAt)
	}
	// Data counts as life.
	d.wait(40 * time.Second)
	d.peer.Established().Heard(d.now)
	d.wait(45*time.Second - 1)
	d.silence()
	d.wait(15 * time.Second)
	d.expect(l2tp.HELLO)
	// Silence.
	d.wait(testCycle - 20*time.Second)
	for range 8 {
		d.expectAgain(l2tp.HELLO, 2)
	}
	d.state(c, Established)
	d.wait(20 * time.Second)
	for len(d.sent) > 0 {
		d.expectAgain(l2tp.HELLO, 2)
	}
	d.lost(CauseSilent)
	if len(d.peer.closing) != 0 {
		t.Error("there is nobody left to wait for")
	}
}

func TestHelloJitter(t *testing.T) {
	seen := map[time.Duration]bool{}
	d := converse(t)
	d.called()
	for range 50 {
		from := d.now
		d.wait(d.peer.Deadline().Sub(d.now))
		d.expect(l2tp.HELLO)
		silence := d.now.Sub(from)
		if silence < 45*time.Second || silence > 60*time.Second {
			t.Fatalf("HELLO after %s", silence)
		}
		seen[silence] = true
		d.send(l2tp.ACK)
	}
	if len(seen) < 40 {
		t.Errorf("%d different times in 50", len(seen))
	}
}

// What is not acknowledged yet proves as much as a HELLO would.
func TestNoHelloBesideAnotherMessage(t *testing.T) {
	d := converse(t, func(c *Config) { c.Hello = 3 * time.Second })
	d.called()
	d.wait(2 * time.Second)
	d.open("red")
	d.expect(l2tp.ICRQ)
	d.wait(4 * time.Second)
	d.expectAgain(l2tp.ICRQ, 1)
	d.expectAgain(l2tp.ICRQ, 1)
	d.send(l2tp.ACK)
	d.wait(3 * time.Second)
	d.expect(l2tp.HELLO)
}

func TestHelloFromPeer(t *testing.T) {
	d := converse(t)
	d.called()
	d.send(l2tp.HELLO)
	d.expect(l2tp.ACK)
}

// Attempts that fail follow each other with back-off, which a connection that lasts ends.
func TestRetry(t *testing.T) {
	d := converse(t, active)
	limits := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i, most := range limits {
		d.expect(l2tp.SCCRQ)
		d.send(l2tp.StopCCN, result(l2tp.StopNotAuthorized))
		d.expect(l2tp.ACK)
		d.lost(CauseRefused)
		status := d.peer.Status()
		delay := status.RetryAt.Sub(d.now)
		if most *= time.Second; delay < most/2 || delay > most || status.Failures != i+1 || !status.Ended {
			t.Fatalf("failure %d: %s until the next attempt, want %s to %s", i, delay, most/2, most)
		}
		d.dial()
		d.wait(delay)
	}
	// Something says that it may succeed now.
	d.expect(l2tp.SCCRQ)
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.lost(CauseRefused)
	d.dial()
	d.step(func(out *Output) { d.peer.Hurry(d.now, out) })
	d.calling()
	for range 2 {
		d.wait(30 * time.Second)
		d.send(l2tp.HELLO)
		d.expect(l2tp.ACK)
	}
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.lost(CauseRefused)
	if delay := d.peer.Status().RetryAt.Sub(d.now); delay > time.Second {
		t.Errorf("%s until the next attempt after a connection that lasted", delay)
	}
}

func TestPassiveNeverCalls(t *testing.T) {
	d := converse(t)
	if !d.peer.Deadline().IsZero() {
		t.Error("a passive Peer has a deadline")
	}
	d.called()
	d.send(l2tp.StopCCN)
	d.expect(l2tp.ACK)
	d.lost(CauseRefused)
	d.wait(time.Hour)
}

// A Peer that is not wanted refuses calls: the peer is told rather than left to guess.
func TestNotWanted(t *testing.T) {
	d := converse(t)
	d.stop()
	d.send(l2tp.SCCRQ)
	d.expectStop(l2tp.StopShuttingDown)
}

// A text that is too long for a Result Code AVP is cut, between characters.
func TestLongResult(t *testing.T) {
	d := converse(t)
	d.called()
	long := make([]byte, 0, 4000)
	for range 1000 {
		long = append(long, "¶"...)
	}
	d.step(func(out *Output) {
		d.peer.Stop(d.now, l2tp.Result{Code: uint16(l2tp.StopGeneral), HasError: true, Message: long}, out)
	})
	if m := d.expectStop(l2tp.StopGeneral); len(m.Result.Message) != 254 {
		t.Errorf("%d octets of text, want 254", len(m.Result.Message))
	}
	d.lost(CauseClosed)
}
