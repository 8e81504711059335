// Package hdlc implements the octet-stuffed framing of PPP on asynchronous lines (RFC 1662, section
// 4) with the 16-bit FCS.
//
// A frame consists of the Address and Control fields FF 03, unless they are compressed, and the
// Protocol and Information fields. AppendFrame adds FCS and Flag Sequences and escapes octets; a
// Decoder finds the frames in received octets. The package does no input or output.
package hdlc

import "iter"

const (
	flag    = 0x7e // Flag Sequence (section 4.1)
	escape  = 0x7d // Control Escape (section 4.2)
	flipped = 0x20 // the bit that is complemented in an escaped octet

	fcsLen   = 2
	shortest = 2 // octets of a valid frame without FCS (section 4.3)
)

// ACCM is an Async-Control-Character-Map (RFC 1662, section 7.1): bit n represents control
// character n.
type ACCM uint32

// DefaultACCM maps all control characters. It applies to both directions unless another map is
// negotiated.
const DefaultACCM ACCM = 0xffffffff

func (m ACCM) has(c byte) bool { return c < 0x20 && m>>c&1 == 1 }

// AppendFrame appends a frame and its FCS between two Flag Sequences. It escapes the control
// characters in the map sending, the Flag Sequence and the Control Escape.
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

// Decoder finds the frames in a stream of octets. Create it with NewDecoder.
type Decoder struct {
	// Receiving has the control characters that are removed: a device between the ends may have
	// inserted them.
	Receiving ACCM
	// Discarded counts the invalid frames.
	Discarded Discarded

	buf     []byte // the frame so far, with its FCS; the capacity is that of the longest frame
	found   bool   // a Flag Sequence was seen
	escaped bool   // the last octet was a Control Escape
	tooLong bool
}

// Discarded counts invalid frames by reason (RFC 1662, section 4.3). Empty frames are not counted.
type Discarded struct {
	Short   uint64 // fewer than 4 octets
	Aborted uint64 // a Control Escape before the closing Flag Sequence
	TooLong uint64 // more octets than the Decoder accepts
	BadFCS  uint64
}

// NewDecoder returns a Decoder of frames of at most longest octets. It allocates memory for one
// such frame. Octets before the first Flag Sequence are skipped.
func NewDecoder(longest int) *Decoder {
	return &Decoder{buf: make([]byte, 0, max(longest, shortest)+fcsLen)}
}

// Frames decodes the next octets of the stream and yields the valid frames that end in them. A
// frame may be used until the next is yielded. Octets of an incomplete frame are kept for the next
// call. A loop that ends early loses the rest of stream.
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

// end ends a frame at a Flag Sequence, and starts the next. It returns the frame if it is valid.
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
