package ppp

import (
	"encoding/binary"
	"iter"
	"net/netip"
)

// Output collects the results of a Link's methods: frames to send and events. One Output may serve
// any number of Links, one after another: process it after each call, then Reset it. The zero value
// is ready to use.
type Output struct {
	// Events is in the order in which the events happened. Frames are in order, too; the order
	// between frames and events has no meaning.
	Events []Event

	buf  []byte // all frames, one after another
	ends []int  // where in buf each frame ends

	reply reply // the answer to the Configure-Request being processed
}

// Frames yields the frames to send, in order. Each starts with the 2-octet Protocol field and has
// neither Address and Control fields nor FCS. It is valid until the next call that uses the Output.
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

// Empty reports whether there are neither frames nor events.
func (o *Output) Empty() bool { return len(o.ends) == 0 && len(o.Events) == 0 }

// Reset empties the Output and keeps its memory for the next use.
func (o *Output) Reset() {
	clear(o.Events)
	o.Events = o.Events[:0]
	o.buf = o.buf[:0]
	o.ends = o.ends[:0]
}

// begin starts a frame with a control packet. The caller appends the data to o.buf and then calls
// end.
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

// text is like packet, with a string as data.
func (o *Output) text(p Protocol, c code, id uint8, data string) {
	o.begin(p, c, id)
	o.buf = append(o.buf, data...)
	o.end()
}

// Event is an event of a Link: LCPOpened, LCPClosed, IPv4Opened, IPv4Closed, IPv6Opened, IPv6Closed
// or LinkFailed. Each Reason is one short sentence for an operator.
type Event interface{ event() }

type (
	// LCPOpened reports that LCP reached Opened. Authentication starts if it is configured or
	// required by the peer; then the network control protocols start.
	LCPOpened struct {
		PeerMRU uint16 // largest Information field to send, in octets
	}

	// LCPClosed reports that LCP left Opened. It follows the events that closed the network
	// protocols. LCP is renegotiated, the lower layer is down, or LCP is terminated: then
	// LinkFailed follows.
	LCPClosed struct{ Reason string }

	// IPv4Opened reports that IPv4 packets may be sent and received.
	IPv4Opened struct {
		Local netip.Addr // ours; invalid: this end is unnumbered
		Peer  netip.Addr // the peer's; invalid: the peer sent none
	}

	// IPv4Closed reports that IPv4 packets must not be sent or received any more, or that the
	// negotiation of IPv4 failed.
	IPv4Closed struct{ Reason string }

	// IPv6Opened reports that IPv6 packets may be sent and received. The identifiers are the lower
	// halves of the link-local addresses (RFC 5072, section 5).
	IPv6Opened struct {
		LocalID uint64
		PeerID  uint64 // zero: the peer sent none
	}

	// IPv6Closed reports that IPv6 packets must not be sent or received any more, or that the
	// negotiation of IPv6 failed.
	IPv6Closed struct{ Reason string }

	// LinkFailed is LCP's This-Layer-Finished (RFC 1661, section 4.4): the lower layer is no longer
	// needed, because either end terminated the link or the negotiation of LCP failed. The owner
	// takes the lower layer down and calls Link.Down. Until then only a Configure-Request from the
	// peer starts LCP again (state Stopped).
	LinkFailed struct{ Reason string }
)

func (LCPOpened) event()  {}
func (LCPClosed) event()  {}
func (IPv4Opened) event() {}
func (IPv4Closed) event() {}
func (IPv6Opened) event() {}
func (IPv6Closed) event() {}
func (LinkFailed) event() {}
