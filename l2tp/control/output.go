package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// Output collects the results of a step: datagrams to send and events to handle, each in order. The
// zero value is ready to use. Reset keeps its memory for the next step.
type Output struct {
	Events []Event

	octets []byte
	ends   []int
}

// Reset empties the output for the next step. Octets that Datagrams has yielded are no longer
// valid.
func (o *Output) Reset() {
	clear(o.Events)
	o.Events, o.octets, o.ends = o.Events[:0], o.octets[:0], o.ends[:0]
}

// Datagrams yields each datagram to send, in order. The octets are valid until Reset.
func (o *Output) Datagrams(yield func([]byte) bool) {
	start := 0
	for _, end := range o.ends {
		if !yield(o.octets[start:end]) {
			return
		}
		start = end
	}
}

// Len returns the number of datagrams to send.
func (o *Output) Len() int { return len(o.ends) }

func (o *Output) send(message []byte) {
	o.octets = append(o.octets, message...)
	o.ends = append(o.ends, len(o.octets))
}

func (o *Output) event(e Event) { o.Events = append(o.Events, e) }

// Event notifies the owner of a Peer. It is one of the types below.
type Event interface{ event() }

type (
	// ConnectionUp reports that a control connection is established. It replaces the previous
	// connection, if any, whose sessions have ended with a SessionDown each.
	ConnectionUp struct{ Connection *Connection }

	// ConnectionDown reports that the connection, or the attempt to establish one, has ended. Each
	// of its sessions has ended with a SessionDown before this event.
	ConnectionDown struct{ Why Reason }

	// CallIncoming reports that the peer requests a session, by an ICRQ or an OCRQ. The session
	// waits for Session.Accept or Session.Close.
	CallIncoming struct{ Session *Session }

	// CallAnswered reports that the peer has accepted a session that was opened here. The session
	// waits for Session.Connect.
	CallAnswered struct{ Session *Session }

	// SessionUp reports that a session is established: data may flow.
	SessionUp struct{ Session *Session }

	// CircuitChanged reports that the peer has sent a different status of its circuit. Initially
	// the circuit counts as active. The event may precede SessionUp, with the status in an ICRQ,
	// OCRQ, ICRP or ICCN. While the status is not Active the owner must not send data to the peer
	// (RFC 3931, section 5.4.5). The state of the session does not change.
	CircuitChanged struct {
		Session *Session
		Status  l2tp.CircuitStatus
	}

	// SessionDown reports that a session has ended, whether it was up or not. There is none for a
	// session that the owner has closed or refused.
	SessionDown struct {
		Session *Session
		Why     Reason
	}
)

func (ConnectionUp) event()   {}
func (ConnectionDown) event() {}
func (CallIncoming) event()   {}
func (CallAnswered) event()   {}
func (SessionUp) event()      {}
func (CircuitChanged) event() {}
func (SessionDown) event()    {}
