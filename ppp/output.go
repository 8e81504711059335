package ppp

import (
	"encoding/binary"
	"iter"
	"net/netip"
)

// Output collects what a Link's methods want done: frames to send and events
// that happened. One Output may serve any number of Links, one after another:
// drain it after each call, then Reset it. The zero value is ready to use.
type Output struct {
	// Events happened in this order. Frames and Events are each in order; a
	// frame's place among the events carries no meaning.
	Events []Event

	buf  []byte // all frames, one after another
	ends []int  // where in buf each frame ends

	reply reply // the answer to the Configure-Request at hand
}

// Frames yields the frames to send, in order. Each starts with the 2-octet
// Protocol field, has neither Address and Control fields nor FCS, and is valid
// until the next call that takes the Output.
func (o *Output) Frames() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := 0
		for _, end := range o.ends {
			if !yield(o.buf[start:end:end]) {
				return
			}
			start = end
		}
	}
}

// Empty tells whether there is nothing to do.
func (o *Output) Empty() bool { return len(o.ends) == 0 && len(o.Events) == 0 }

// Reset empties the Output and keeps its memory for the next use.
func (o *Output) Reset() {
	clear(o.Events)
	o.Events = o.Events[:0]
	o.buf = o.buf[:0]
	o.ends = o.ends[:0]
}

// begin starts a frame with a control packet; its data is appended to o.buf,
// then end completes it.
func (o *Output) begin(p Protocol, c code, id uint8) {
	o.buf = binary.BigEndian.AppendUint16(o.buf, uint16(p))
	o.buf = append(o.buf, byte(c), id, 0, 0)
}

// end fills in the Length of the packet that begin started.
func (o *Output) end() {
	start := 0
	if n := len(o.ends); n > 0 {
		start = o.ends[n-1]
	}
	const protocolLen = 2
	binary.BigEndian.PutUint16(o.buf[start+protocolLen+2:], uint16(len(o.buf)-start-protocolLen))
	o.ends = append(o.ends, len(o.buf))
}

// packet appends a frame with a whole control packet.
func (o *Output) packet(p Protocol, c code, id uint8, data []byte) {
	o.begin(p, c, id)
	o.buf = append(o.buf, data...)
	o.end()
}

// text is packet for data that is a string.
func (o *Output) text(p Protocol, c code, id uint8, data string) {
	o.begin(p, c, id)
	o.buf = append(o.buf, data...)
	o.end()
}

// Event is something that happened on a Link: LCPOpened, LCPClosed,
// IPv4Opened, IPv4Closed, IPv6Opened, IPv6Closed or LinkFailed. Every Reason
// is one short sentence for an operator.
type Event interface{ event() }

type (
	// LCPOpened says that LCP reached Opened; the network control protocols
	// start.
	LCPOpened struct {
		PeerMRU uint16 // octets of the largest Information field to send
	}

	// LCPClosed says that LCP left Opened, after the events that closed the
	// network protocols above it. LCP may be negotiating anew, or terminating:
	// then LinkFailed follows.
	LCPClosed struct{ Reason string }

	// IPv4Opened says that IPv4 packets may flow.
	IPv4Opened struct {
		Local netip.Addr // ours; invalid: this end is unnumbered
		Peer  netip.Addr // the peer's; invalid: it named none
	}

	// IPv4Closed says that IPv4 packets must not flow any more, or that the
	// negotiation of IPv4 has failed.
	IPv4Closed struct{ Reason string }

	// IPv6Opened says that IPv6 packets may flow. The identifiers are the lower
	// halves of the link-local addresses (RFC 5072, section 5).
	IPv6Opened struct {
		LocalID uint64
		PeerID  uint64 // zero: the peer named none
	}

	// IPv6Closed says that IPv6 packets must not flow any more, or that the
	// negotiation of IPv6 has failed.
	IPv6Closed struct{ Reason string }

	// LinkFailed is LCP's This-Layer-Finished (RFC 1661, section 4.4): the lower
	// layer is no longer needed, because the link was terminated by either
	// end or LCP did not converge. The owner takes the lower layer down
	// (Link.Down). Until then nothing happens by itself, but a
	// Configure-Request from the peer still starts LCP again (state Stopped).
	LinkFailed struct{ Reason string }
)

func (LCPOpened) event()  {}
func (LCPClosed) event()  {}
func (IPv4Opened) event() {}
func (IPv4Closed) event() {}
func (IPv6Opened) event() {}
func (IPv6Closed) event() {}
func (LinkFailed) event() {}
