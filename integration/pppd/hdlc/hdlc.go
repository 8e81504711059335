// Package hdlc is the octet-stuffed framing of PPP on asynchronous lines (RFC 1662, section 4) with
// the 16-bit FCS.
//
// A frame here is what stands between two Flag Sequences but for the FCS: Address and Control
// fields FF 03, unless they are compressed, Protocol and Information. The package does no input or
// output: AppendFrame makes the octets to send, a Decoder finds the frames in octets received.
package hdlc

import "iter"

const (
	flag    = 0x7e // Flag Sequence (section 4.1)
	escape  = 0x7d // Control Escape (section 4.2)
	flipped = 0x20 // the bit that an escaped octet has complemented

	fcsLen   = 2
	shortest = 2 // octets of a valid frame without FCS (section 4.3)
)

// ACCM is an Async-Control-Character-Map (RFC 1662, section 7.1): bit n stands for the control
// character n.
type ACCM uint32

// DefaultACCM maps all control characters, as both directions do until something else is
// negotiated.
const DefaultACCM ACCM = 0xffffffff

func (m ACCM) has(c byte) bool { return c < 0x20 && m>>c&1 == 1 }

// AppendFrame appends a frame, its FCS, and the Flag Sequences before and after. The control
// characters of sending are escaped, as are the Flag Sequence and the Control Escape.
func AppendFrame(b, frame []byte, sending ACCM) []byte {
	fcs := ^fcs16(initialFCS, frame)
	b = append(b, flag)
	for _, c := range frame {
		b = appendOctet(b, c, sending)
	}
	b = appendOctet(b, byte(fcs), sending)
	b = appendOctet(b, byte(fcs>>8), sending)
	return append(b, flag)
}

func appendOctet(b []byte, c byte, sending ACCM) []byte {
	if c == flag || c == escape || sending.has(c) {
		return append(b, escape, c^flipped)
	}
	return append(b, c)
}

// Decoder finds the frames in a stream of octets. Make it with NewDecoder.
type Decoder struct {
	// Receiving has the control characters that are removed, because somebody on the way may have
	// inserted them.
	Receiving ACCM
	// Discarded counts what stood between two Flag Sequences and was no valid frame.
	Discarded Discarded

	buf     []byte // the frame so far, with its FCS; its capacity is the longest there may be
	found   bool   // a Flag Sequence was seen
	escaped bool   // the last octet was a Control Escape
	tooLong bool
}

// Discarded counts invalid frames by what was wrong with them (RFC 1662, section 4.3). Empty ones
// are not counted.
type Discarded struct {
	Short   uint64 // fewer than 4 octets
	Aborted uint64 // a Control Escape before the closing Flag Sequence
	TooLong uint64 // more octets than the Decoder takes
	BadFCS  uint64
}

// NewDecoder returns a Decoder of frames of at most longest octets, which is all the memory that it
// takes. What precedes the first Flag Sequence is skipped.
func NewDecoder(longest int) *Decoder {
	return &Decoder{buf: make([]byte, 0, max(longest, shortest)+fcsLen)}
}

// Frames takes the next octets of the stream and yields the valid frames that end in them. A frame
// is valid until the next is asked for. What remains is kept for the next call; a range left early
// loses the rest of stream.
func (d *Decoder) Frames(stream []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, c := range stream {
			if c != flag {
				d.add(c)
			} else if frame, ok := d.end(); ok && !yield(frame) {
				return
			}
		}
	}
}

func (d *Decoder) add(c byte) {
	switch {
	case !d.found || d.Receiving.has(c):
	case c == escape:
		d.escaped = true
	case len(d.buf) == cap(d.buf):
		d.tooLong = true
	case d.escaped:
		d.escaped = false
		d.buf = append(d.buf, c^flipped)
	default:
		d.buf = append(d.buf, c)
	}
}

// end returns the frame, if it is one, that a Flag Sequence ends, and begins the next.
func (d *Decoder) end() ([]byte, bool) {
	frame, escaped, tooLong := d.buf, d.escaped, d.tooLong
	d.buf, d.found, d.escaped, d.tooLong = d.buf[:0], true, false, false
	switch {
	case tooLong:
		d.Discarded.TooLong++
	case escaped:
		d.Discarded.Aborted++
	case len(frame) == 0:
	case len(frame) < shortest+fcsLen:
		d.Discarded.Short++
	case fcs16(initialFCS, frame) != goodFCS:
		d.Discarded.BadFCS++
	default:
		return frame[:len(frame)-fcsLen], true
	}
	return nil, false
}
