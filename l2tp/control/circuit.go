package control

import (
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// circuitFaults are the fault status bits of RFC 5641.
const circuitFaults = l2tp.CircuitReceiveFault | l2tp.CircuitTransmitFault |
	l2tp.CircuitNetworkReceiveFault | l2tp.CircuitNetworkTransmitFault

// plain is a circuit status as RFC 5641 wants it: a fault clears the A bit, and the N bit says
// nothing.
func plain(s l2tp.CircuitStatus) l2tp.CircuitStatus {
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
	s.Circuit = plain(status)
	if s.State == SessionEstablished {
		s.report()
		s.Connection.flush(now, out)
	}
}

// tell adds our circuit's status to a message. In the first message of a session it is that of a
// new circuit, which RFC 3931 section 5.4.5 wants and RFC 5641 leaves open.
func (s *Session) tell(m *l2tp.Message) {
	m.CircuitStatus = s.Circuit
	switch m.Type {
	case l2tp.ICRQ, l2tp.ICRP, l2tp.OCRP:
		m.CircuitStatus |= l2tp.CircuitNew
	}
	m.Has.Add(l2tp.AVPCircuitStatus)
	s.told = s.Circuit
}

// report queues an SLI if the peer does not know our circuit's status.
func (s *Session) report() {
	if s.Circuit != s.told {
		m := s.message(l2tp.SLI)
		s.tell(m)
		s.Connection.queue(m)
	}
}

// hear takes what a message says of the peer's circuit.
func (s *Session) hear(m *l2tp.Message, out *Output) {
	if m.Has.Has(l2tp.AVPTxConnectSpeed) {
		s.TxSpeed = m.TxSpeed
	}
	if m.Has.Has(l2tp.AVPRxConnectSpeed) {
		s.RxSpeed = m.RxSpeed
	}
	if !m.Has.Has(l2tp.AVPCircuitStatus) {
		return
	}
	if status := plain(m.CircuitStatus); status != s.PeerCircuit {
		s.PeerCircuit = status
		out.event(CircuitChanged{s, status})
	}
}
