package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

const (
	circuitUp   = l2tp.CircuitActive
	circuitDown = l2tp.CircuitStatus(0)
	circuitNew  = l2tp.CircuitNew
)

// RFC 3931, sections 5.4.5 and 6.14: an SLI reports a change of the circuit, and the session
// continues. RFC 5641: the N bit is clear in all messages but the first.
func TestCircuitIsReported(t *testing.T) {
	for _, initiator := range []bool{true, false} {
		d := newDialogue(t)
		d.scriptConnects()
		var s *Session
		if initiator {
			s = d.ownerOpens("red", 5)
		} else {
			s = d.scriptOpens("red", 5)
		}
		for _, status := range []l2tp.CircuitStatus{circuitDown, circuitUp, circuitUp | l2tp.CircuitStandby, circuitDown} {
			d.setCircuit(s, status)
			d.expectCircuit(l2tp.SLI, status)
			d.send(l2tp.ACK)
			d.setCircuit(s, status|circuitNew) // no change
			d.expectNothing()
		}
		d.expectSessionState(s, SessionEstablished)
		d.close(s)
		d.expectCDN(l2tp.CDNAdministrative, 5)
		d.setCircuit(s, circuitUp) // too late
		d.expectNothing()
	}
}

// RFC 5641, section 3: several faults are sent together, and any fault clears the A bit.
func TestCircuitFaults(t *testing.T) {
	faults := []l2tp.CircuitStatus{
		l2tp.CircuitReceiveFault, l2tp.CircuitTransmitFault, l2tp.CircuitNetworkReceiveFault, l2tp.CircuitNetworkTransmitFault,
	}
	d := newDialogue(t)
	d.scriptConnects()
	s := d.scriptOpens("red", 5)
	var all l2tp.CircuitStatus
	for _, fault := range faults {
		all |= fault
		d.setCircuit(s, circuitUp|all)
		d.expectCircuit(l2tp.SLI, all)
		d.send(l2tp.SLI, ids(5, s.ID), circuit(circuitUp|all))
		d.expect(l2tp.ACK)
		d.expectCircuitChanged(s, all)
	}
	d.setCircuit(s, circuitUp|l2tp.CircuitStandby)
	d.expectCircuit(l2tp.SLI, circuitUp|l2tp.CircuitStandby)
	d.send(l2tp.SLI, ids(5, s.ID), circuit(circuitUp|l2tp.CircuitStandby))
	d.expect(l2tp.ACK)
	d.expectCircuitChanged(s, circuitUp|l2tp.CircuitStandby)
}

// A message has the status that was set before it is sent. The first message of each end marks the
// circuit as new.
func TestCircuitWhileSessionIsSetUp(t *testing.T) {
	t.Run("ICRQ and ICCN", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		var s *Session
		d.step(func(out *Output) {
			s = d.peer.Established().OpenWith(d.now, []byte("red"), SessionOptions{Circuit: circuitDown}, out)
		})
		d.expectCircuit(l2tp.ICRQ, circuitDown|circuitNew)
		d.setCircuit(s, circuitUp)
		d.expectNothing() // the session is not established yet
		d.send(l2tp.ICRP, ids(5, s.ID))
		d.expect(l2tp.ACK)
		event[CallAnswered](d)
		d.connect(s)
		d.expectCircuit(l2tp.ICCN, circuitUp)
		event[SessionUp](d)
	})
	t.Run("ICCN without a change", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.open("red")
		d.expectCircuit(l2tp.ICRQ, circuitUp|circuitNew)
		d.send(l2tp.ICRP, ids(5, s.ID))
		d.expect(l2tp.ACK)
		event[CallAnswered](d)
		d.connect(s)
		if d.expect(l2tp.ICCN).Has.Has(l2tp.AVPCircuitStatus) {
			t.Error("the ICCN repeats the circuit status of the ICRQ")
		}
		event[SessionUp](d)
	})
	t.Run("ICRP", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.scriptRequests("red", 5)
		d.setCircuit(s, circuitDown)
		d.accept(s)
		d.expectCircuit(l2tp.ICRP, circuitDown|circuitNew)
		d.send(l2tp.ICCN, ids(5, s.ID))
		d.expect(l2tp.ACK)
		event[SessionUp](d)
	})
	t.Run("after the ICRP", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.scriptRequests("red", 5)
		d.accept(s)
		d.expectCircuit(l2tp.ICRP, circuitUp|circuitNew)
		d.setCircuit(s, circuitDown)
		d.expectNothing()
		d.send(l2tp.ICCN, ids(5, s.ID))
		event[SessionUp](d)
		d.expectCircuit(l2tp.SLI, circuitDown)
	})
}

// RFC 3931, sections 5.4.5 and 6: the Circuit Status of each message that may carry it is handled.
// The N bit (RFC 5641, section 2) and undefined bits are ignored.
func TestPeerCircuit(t *testing.T) {
	const undefined = 0xff80
	t.Run("ICRQ, ICCN and SLI", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		d.send(l2tp.ICRQ, ids(5, 0), circuit(circuitDown|circuitNew|undefined))
		d.expect(l2tp.ACK)
		s := event[CallIncoming](d).Session
		d.expectCircuitChanged(s, circuitDown)
		d.accept(s)
		d.expect(l2tp.ICRP)
		d.send(l2tp.ICCN, ids(5, s.ID), circuit(circuitUp))
		d.expect(l2tp.ACK)
		d.expectCircuitChanged(s, circuitUp)
		event[SessionUp](d)
		d.send(l2tp.SLI, ids(5, s.ID), circuit(circuitUp|circuitNew)) // no change
		d.expect(l2tp.ACK)
		d.send(l2tp.SLI, ids(5, s.ID), circuit(circuitDown))
		d.expect(l2tp.ACK)
		d.expectCircuitChanged(s, circuitDown)
		// An SLI without a Circuit Status may report something else.
		d.send(l2tp.SLI, ids(5, s.ID), without(l2tp.AVPCircuitStatus))
		d.expect(l2tp.ACK)
		d.expectSessionState(s, SessionEstablished)
	})
	t.Run("ICRP", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.open("red")
		d.expect(l2tp.ICRQ)
		d.send(l2tp.ICRP, ids(5, s.ID), circuit(circuitDown|circuitNew))
		d.expect(l2tp.ACK)
		event[CallAnswered](d)
		d.expectCircuitChanged(s, circuitDown)
	})
	t.Run("SLI received before the ICCN", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		s := d.scriptRequests("red", 5)
		d.accept(s)
		d.expect(l2tp.ICRP)
		iccn := d.encode(l2tp.ICCN, ids(5, s.ID))
		d.send(l2tp.SLI, ids(5, s.ID), circuit(circuitDown))
		d.expect(l2tp.ACK)
		d.expectNoEvent()
		d.deliver(iccn)
		d.expect(l2tp.ACK)
		event[SessionUp](d)
		d.expectCircuitChanged(s, circuitDown)
	})
	t.Run("SLI for an unknown session", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		d.send(l2tp.SLI, ids(5, 0x999), circuit(circuitDown))
		d.expect(l2tp.ACK)
	})
}

// A lost SLI is retransmitted, so that the peer has the current status in the end.
func TestCircuitOverBadLink(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	s := d.scriptOpens("red", 5)
	d.setCircuit(s, circuitDown)
	d.expectCircuit(l2tp.SLI, circuitDown)
	d.wait(time.Second)
	d.expectAgain(l2tp.SLI, 2)
	d.setCircuit(s, circuitUp)
	d.expectNothing() // after a time-out one message at a time
	d.send(l2tp.ACK)
	d.expectCircuit(l2tp.SLI, circuitUp)
}

// RFC 3931, section 6.13: the counters of a WEN are cumulative.
func TestWEN(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	s := d.scriptOpens("red", 5)
	for n := range uint32(3) {
		want := l2tp.CircuitErrors{HardwareOverruns: n, BufferOverruns: 2 * n, Timeouts: 3 * n, Alignment: 4 * n}
		d.send(l2tp.WEN, ids(5, s.ID), func(m *draft) { m.CircuitErrors = want })
		d.expect(l2tp.ACK)
		if s.CircuitErrors != want || s.WENs != uint64(n)+1 {
			t.Errorf("%d WENs, %+v; want %+v", s.WENs, s.CircuitErrors, want)
		}
	}
	d.expectSessionState(s, SessionEstablished)
	d.send(l2tp.WEN, ids(5, 0x999))
	d.expect(l2tp.ACK)
}

// RFC 3931, sections 5.4.3 and 5.4.4: Preferred Language and connect speeds are stored for display.
func TestPreferredLanguageAndSpeeds(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ, func(m *draft) {
		m.PreferredLanguage = []byte("de-CH")
		m.Has.Add(l2tp.AVPPreferredLanguage)
	})
	d.expect(l2tp.SCCRP)
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	if c := event[ConnectionUp](d).Connection; c.PreferredLanguage != "de-CH" {
		t.Errorf("language %q", c.PreferredLanguage)
	}
	speeds := func(tx, rx uint64) option {
		return func(m *draft) {
			m.TxSpeed, m.RxSpeed = tx, rx
			m.Has.Add(l2tp.AVPTxConnectSpeed, l2tp.AVPRxConnectSpeed)
		}
	}
	d.send(l2tp.ICRQ, ids(5, 0), speeds(10, 20))
	d.expect(l2tp.ACK)
	s := event[CallIncoming](d).Session
	if s.TxSpeed != 10 || s.RxSpeed != 20 {
		t.Errorf("speeds %d and %d", s.TxSpeed, s.RxSpeed)
	}
	d.accept(s)
	d.expect(l2tp.ICRP)
	d.send(l2tp.ICCN, ids(5, s.ID), speeds(1<<40, 0))
	d.expect(l2tp.ACK)
	event[SessionUp](d)
	if s.TxSpeed != 1<<40 || s.RxSpeed != 0 {
		t.Errorf("speeds %d and %d", s.TxSpeed, s.RxSpeed)
	}
}
