package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// Output collects what a machine wants done: datagrams to send and events to act upon, each in
// order. It is reused: Reset keeps its memory.
type Output struct {
	Events []Event

	octets []byte
	ends   []int
}

// Reset empties the output for the next step. Datagrams that Each has yielded are no longer valid.
func (o *Output) Reset() {
	clear(o.Events)
	o.Events, o.octets, o.ends = o.Events[:0], o.octets[:0], o.ends[:0]
}

// Datagrams yields each datagram to send, in order; the octets are valid until Reset.
func (o *Output) Datagrams(yield func([]byte) bool) {
	start := 0
	for _, end := range o.ends {
		if !yield(o.octets[start:end]) {
			return
		}
		start = end
	}
}

// Len is the number of datagrams to send.
func (o *Output) Len() int { return len(o.ends) }

func (o *Output) send(message []byte) {
	o.octets = append(o.octets, message...)
	o.ends = append(o.ends, len(o.octets))
}

func (o *Output) event(e Event) { o.Events = append(o.Events, e) }

// Event is something that the owner of a Peer must know: one of the types below.
type Event interface{ event() }

type (
	// ConnectionUp says that a control connection is established. It is the Peer's connection from
	// now on, in place of one that was there before, if any, whose sessions have ended with a
	// SessionDown each.
	ConnectionUp struct{ Connection *Connection }

	// ConnectionDown says that the Peer's connection, or the attempt to make one, has ended. Its
	// sessions have ended with it, each with a SessionDown before this.
	ConnectionDown struct{ Why Reason }

	// CallIncoming says that the peer asks for a session, by an ICRQ or an OCRQ. It waits for
	// Session.Accept or Session.Close.
	CallIncoming struct{ Session *Session }

	// CallAnswered says that the peer has accepted a session that we asked for. It waits for
	// Session.Connect.
	CallAnswered struct{ Session *Session }

	// SessionUp says that a session is established: data may flow.
	SessionUp struct{ Session *Session }

	// CircuitChanged says that the peer tells another status of its circuit than before; at first
	// it counts as active. It may come before SessionUp, with what an ICRQ, OCRQ, ICRP or ICCN
	// tells. While the status is not Active no data is to be sent to the peer (RFC 3931 section
	// 5.4.5). The session stays as it is.
	CircuitChanged struct {
		Session *Session
		Status  l2tp.CircuitStatus
	}

	// SessionDown says that a session has ended, whether it was up or not. It is not told of a
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
