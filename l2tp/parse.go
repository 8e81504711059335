package l2tp

import "encoding/binary"

// The AVP header and its bits (RFC 3931, section 5.1).
const (
	avpHeaderLen = 6
	maxAVPLen    = 1<<10 - 1
	maxAVPValue  = maxAVPLen - avpHeaderLen

	bitM = 0x8000
	bitH = 0x4000
)

// avp is an AVP of a received message.
type avp struct {
	mandatory, hidden bool
	vendor            uint32
	kind              AVPType
	value             []byte
}

// is reports whether a is the AVP t of the IETF, vendor ID 0.
func (a *avp) is(t AVPType) bool {
	return a.vendor == 0 && a.kind == t
}

// errorIn returns an error about the AVP a in a message of type t. The caller sets its Problem.
func (a *avp) errorIn(t MessageType) AVPError {
	return AVPError{Message: t, Vendor: a.vendor, Type: a.kind, Mandatory: a.mandatory}
}

// cutAVP splits b after its first AVP. ok is false if the AVP's length is impossible; a then has
// the fields of the AVP header if b is long enough for it.
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

// Parse reads the control message b into m and overwrites all of m. The key deciphers hidden AVPs;
// it is nil if there is no shared secret.
//
// The error is a HeaderError, or the first *AVPError that RFC 3931 requires a receiver to act on.
// With an *AVPError, m has all AVPs that could be read. With authentication, the result must not be
// used before Keys.Verify has succeeded, and an *AVPError must be ignored until then, too. The
// package comment says which AVPs are errors and which are ignored.
//
// Parse returns ErrVersion2 for a message of version 2, unless it is an SCCRQ with all AVPs that
// L2TPv3 requires: then it sets m.Fallback.
func (m *Message) Parse(b []byte, key *HidingKey) error {
	return m.parse(b, key, nil)
}

// parse is Parse, and appends each AVP to list unless list is nil.
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

// parseBody reads the AVPs in body. In a message of version 2 it ignores unknown AVPs of the IETF,
// because L2TPv2 has many that L2TPv3 does not have (RFC 3931, section 4.7.3).
func (m *Message) parseBody(body []byte, key *HidingKey, version2 bool, list *[]AVP) error {
	if len(body) == 0 {
		return nil
	}
	body, failure := m.parseMessageType(body, list)
	var vector []byte // the last Random Vector so far, nil before the first
	for place := 1; len(body) > 0; place++ {
		a, rest, ok := cutAVP(body)
		body = rest
		e := a.errorIn(m.Type)
		if ok {
			e.Problem = m.parseAVP(&a, place, &vector, key)
		} else {
			e.Problem, e.Mandatory = BadFraming, true
		}
		if list != nil {
			*list = append(*list, a.dissected(e.Problem))
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

// parseMessageType reads the first AVP, which must be the Message Type, and returns the AVPs after
// it. It returns no AVPs after an error, because their meaning depends on the type.
func (m *Message) parseMessageType(body []byte, list *[]AVP) ([]byte, AVPError) {
	a, rest, ok := cutAVP(body)
	e := a.errorIn(ZLB)
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
		*list = append(*list, a.dissected(e.Problem))
	}
	if e.Problem == NoProblem {
		m.Has.Add(AVPMessageType)
		return rest, e
	}
	e.Message = m.Type
	e.Mandatory = a.mandatory || e.Problem != UnknownMessageType
	return nil, e
}

// parseAVP reads the AVP a, at the given place in the message, into m. It replaces a hidden value
// in a by the deciphered one.
func (m *Message) parseAVP(a *avp, place int, vector *[]byte, key *HidingKey) Problem {
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
