package control

import (
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// circuitFaults are the fault bits of RFC 5641, section 3.
const circuitFaults = l2tp.CircuitReceiveFault | l2tp.CircuitTransmitFault |
	l2tp.CircuitNetworkReceiveFault | l2tp.CircuitNetworkTransmitFault

// normalizeCircuit returns a circuit status in the form of RFC 5641: without the A bit if there is
// a fault, and without the N bit.
func normalizeCircuit(s l2tp.CircuitStatus) l2tp.CircuitStatus {
	s &^= l2tp.CircuitNew
	if s&circuitFaults != 0 {
		s &^= l2tp.CircuitActive
	}
	return s
}

// SetCircuit sets the status of the local circuit; it ignores the N bit. An established session
// reports a change to the peer with an SLI, any other session in its next message (RFC 3931,
// sections 5.4.5 and 6.14).
func (s *Session) SetCircuit(now time.Time, status l2tp.CircuitStatus, out *Output) {
	s.Circuit = normalizeCircuit(status)
	if s.State == SessionEstablished {
		s.reportCircuit()
		s.Connection.flush(now, out)
	}
}

// addCircuitStatus adds the status of the local circuit to a message. The first message of a
// session has the N bit set, as RFC 3931, section 5.4.5, advises; RFC 5641 leaves this open.
func (s *Session) addCircuitStatus(m *l2tp.Message) {
	m.CircuitStatus = s.Circuit
	switch m.Type {
	case l2tp.ICRQ, l2tp.ICRP, l2tp.OCRP:
		m.CircuitStatus |= l2tp.CircuitNew
	}
	m.Has.Add(l2tp.AVPCircuitStatus)
	s.sentCircuit = s.Circuit
}

// reportCircuit queues an SLI if the status of the local circuit has changed since it was last
// sent.
func (s *Session) reportCircuit() {
	if s.Circuit != s.sentCircuit {
		m := s.message(l2tp.SLI)
		s.addCircuitStatus(m)
		s.Connection.queue(m)
	}
}

// recordCircuit stores the circuit status and the connect speeds of a message of the peer, and
// emits an event if the status has changed.
func (s *Session) recordCircuit(m *l2tp.Message, out *Output) {
	if m.Has.Has(l2tp.AVPTxConnectSpeed) {
		s.TxSpeed = m.TxSpeed
	}
	if m.Has.Has(l2tp.AVPRxConnectSpeed) {
		s.RxSpeed = m.RxSpeed
	}
	if !m.Has.Has(l2tp.AVPCircuitStatus) {
		return
	}
	if status := normalizeCircuit(m.CircuitStatus); status != s.PeerCircuit {
		s.PeerCircuit = status
		out.event(CircuitChanged{s, status})
	}
}
