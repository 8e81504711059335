package control

import (
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// circuitFaults are the fault status bits of RFC 5641.
const circuitFaults = l2tp.CircuitReceiveFault | l2tp.CircuitTransmitFault |
	l2tp.CircuitNetworkReceiveFault | l2tp.CircuitNetworkTransmitFault

// normalizeCircuit is a circuit status as RFC 5641 wants it: a fault clears the A bit, and the N bit says
// nothing.
func normalizeCircuit(s l2tp.CircuitStatus) l2tp.CircuitStatus {
	s &^= l2tp.CircuitNew
	if s&circuitFaults != 0 {
		s &^= l2tp.CircuitActive
	}
	return s
}

// SetCircuit sets the status of our end's circuit, whose N bit is ours to set. A session that is
// established tells the peer of a change with an SLI, one that is not in its next message (RFC 3931
// sections 5.4.5 and 6.14).
func (s *Session) SetCircuit(now time.Time, status l2tp.CircuitStatus, out *Output) {
	s.Circuit = normalizeCircuit(status)
	if s.State == SessionEstablished {
		s.reportCircuit()
		s.Connection.flush(now, out)
	}
}

// addCircuitStatus adds our circuit's status to a message. In the first message of a session it is that of a
// new circuit, which RFC 3931 section 5.4.5 wants and RFC 5641 leaves open.
func (s *Session) addCircuitStatus(m *l2tp.Message) {
	m.CircuitStatus = s.Circuit
	switch m.Type {
	case l2tp.ICRQ, l2tp.ICRP, l2tp.OCRP:
		m.CircuitStatus |= l2tp.CircuitNew
	}
	m.Has.Add(l2tp.AVPCircuitStatus)
	s.sentCircuit = s.Circuit
}

// reportCircuit queues an SLI if the peer does not know our circuit's status.
func (s *Session) reportCircuit() {
	if s.Circuit != s.sentCircuit {
		m := s.message(l2tp.SLI)
		s.addCircuitStatus(m)
		s.Connection.queue(m)
	}
}

// recordCircuit takes what a message says of the peer's circuit.
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
