package l2tp

import "encoding/binary"

// An AVP's header and its bits (RFC 3931, section 5.1).
const (
	avpHeaderLen = 6
	maxAVPLen    = 1<<10 - 1
	maxAVPValue  = maxAVPLen - avpHeaderLen

	bitM = 0x8000
	bitH = 0x4000
)

// avp is an AVP as it is in a message.
type avp struct {
	mandatory, hidden bool
	vendor            uint32
	kind              AVPType
	value             []byte
}

// is reports whether a is the IETF's AVP t.
func (a *avp) is(t AVPType) bool {
	return a.vendor == 0 && a.kind == t
}

// fault is an error, with its Problem to be filled in, about a in a message of type t.
func (a *avp) fault(t MessageType) AVPError {
	return AVPError{Message: t, Vendor: a.vendor, Type: a.kind, Mandatory: a.mandatory}
}

// cutAVP takes the first AVP off b. It fails where the AVP's length is impossible, and
// has then as much of the AVP as there is.
func cutAVP(b []byte) (a avp, rest []byte, ok bool) {
	if len(b) < avpHeaderLen {
		return a, nil, false
	}
	flags := binary.BigEndian.Uint16(b)
	a = avp{
		mandatory: flags&bitM != 0,
		hidden:    flags&bitH != 0,
		vendor:    uint32(binary.BigEndian.Uint16(b[2:])),
		kind:      AVPType(binary.BigEndian.Uint16(b[4:])),
	}
	n := int(flags & maxAVPLen)
	if n < avpHeaderLen || n > len(b) {
		return a, nil, false
	}
	a.value = b[avpHeaderLen:n]
	return a, b[n:], true
}

// Parse reads the control message b into m, of which nothing remains. The
// key deciphers hidden AVPs; it is nil where there is no shared secret.
//
// The error is a HeaderError, or the first *AVPError that RFC 3931 makes the
// receiver act on; with the latter m has all the AVPs that could be read. Nothing
// of it is to be believed before Keys.Verify, where digests are in use. The
// package's comment tells what is an error and what is ignored.
//
// A message of version 2 gives ErrVersion2, unless it is an SCCRQ that has all
// AVPs of L2TPv3's: m.Fallback is set then.
func (m *Message) Parse(b []byte, key *HidingKey) error {
	return m.parse(b, key, nil)
}

// parse is Parse, and appends each AVP to list unless that is nil.
func (m *Message) parse(b []byte, key *HidingKey, list *[]AVP) error {
	*m = Message{unhidden: m.unhidden[:0]}
	header, body, err := ParseHeader(b)
	m.Header = header
	switch err {
	case nil:
		return m.parseBody(body, key, false, list)
	case ErrVersion2:
		failure := m.parseBody(body, key, true, list)
		if _, missing := m.Missing(); m.Type != SCCRQ || missing {
			return ErrVersion2
		}
		m.Fallback = true
		return failure
	}
	return err
}

// parseBody reads the AVPs in body. In an SCCRQ of version 2 unknown AVPs of the
// IETF, which L2TPv2 has many of, are ignored (RFC 3931, section 4.7.3).
func (m *Message) parseBody(body []byte, key *HidingKey, version2 bool, list *[]AVP) error {
	if len(body) == 0 {
		return nil
	}
	body, failure := m.parseMessageType(body, list)
	var vector []byte // the Random Vector in force; nil as long as there is none
	for place := 1; len(body) > 0; place++ {
		a, rest, ok := cutAVP(body)
		body = rest
		e := a.fault(m.Type)
		if ok {
			e.Problem = m.take(&a, place, &vector, key)
		} else {
			e.Problem, e.Mandatory = BadFraming, true
		}
		if list != nil {
			*list = append(*list, a.told(e.Problem))
		}
		if e.Problem >= Duplicate || version2 && e.Problem == UnknownAVP && e.Vendor == 0 {
			e.Mandatory = false
		}
		first := &m.Ignored
		if e.Mandatory {
			first = &failure
		}
		if first.Problem == NoProblem && e.Problem != NoProblem {
			*first = e
		}
	}
	if failure.Problem != NoProblem {
		return new(failure)
	}
	return nil
}

// parseMessageType reads the first AVP, which must be the Message Type, and returns
// the AVPs behind it: none after an error, as their meaning depends on the type.
func (m *Message) parseMessageType(body []byte, list *[]AVP) ([]byte, AVPError) {
	a, rest, ok := cutAVP(body)
	e := a.fault(ZLB)
	switch {
	case !ok:
		e.Problem = BadFraming
	case a.kind != AVPMessageType:
		e.Problem = NoMessageType
	case a.vendor != 0:
		e.Problem = UnknownMessageType
	case a.hidden:
		e.Problem = HiddenForbidden
	case len(a.value) != 2:
		e.Problem = BadLength
	default:
		e.Problem = decodeMessageType(m, a.value)
	}
	if list != nil {
		*list = append(*list, a.told(e.Problem))
	}
	if e.Problem == NoProblem {
		m.Has.Add(AVPMessageType)
		return rest, e
	}
	e.Message = m.Type
	e.Mandatory = a.mandatory || e.Problem != UnknownMessageType
	return nil, e
}

// take reads the AVP a, at the given place in the message, into m. A hidden value is in clear
// afterwards.
func (m *Message) take(a *avp, place int, vector *[]byte, key *HidingKey) Problem {
	spec := specOf(a.kind)
	switch {
	case a.vendor != 0 || spec == nil:
		return UnknownAVP
	case a.kind == AVPExtendedVendorID:
		return IgnoredVendor
	case !spec.in.has(m.Type):
		return Misplaced
	case a.kind == AVPMessageDigest && (m.NumDigests == len(m.Digests) || place != 1+m.NumDigests):
		return Misplaced
	case m.Has.Has(a.kind) && a.kind != AVPMessageDigest && a.kind != AVPRandomVector:
		return Duplicate
	case a.hidden && spec.bits&bitH == 0:
		return HiddenForbidden
	}
	if a.hidden {
		value, problem := m.unhide(a, *vector, key)
		if problem != NoProblem {
			return problem
		}
		a.value = value
	}
	if !spec.length.allow(len(a.value)) {
		return BadLength
	}
	if a.kind == AVPRandomVector {
		*vector = a.value
		if m.Has.Has(AVPRandomVector) {
			return NoProblem
		}
	}
	problem := spec.codec.decode(m, a.value)
	if problem == NoProblem {
		m.Has.Add(a.kind)
	}
	return problem
}
