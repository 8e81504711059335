package l2tp

import "encoding/binary"

// Append appends the control message m to dst: the header, the Message Type, the Message Digests,
// and the other AVPs in m.Has, in the order of RFC 3931, section 5.4. A ZLB is only a header.
//
// The error is an *AVPError: an AVP in m.Has is not allowed in a message of this type, or its value
// has an invalid length. Append then returns dst unchanged.
func Append(dst []byte, m *Message) ([]byte, error) {
	return AppendHidden(dst, m, nil, AVPSet{})
}

// AppendHidden is like Append, and hides the AVPs of m that are in hide and may be hidden (RFC
// 3931, section 5.3). m must have a Random Vector, with new random octets for each message.
// AppendHidden adds no padding.
func AppendHidden(dst []byte, m *Message, key *HidingKey, hide AVPSet) ([]byte, error) {
	start := len(dst)
	out := appendHeader(dst, m.Header)
	if m.Type != ZLB {
		var err *AVPError
		if out, err = m.appendAVPs(out, key, hide); err != nil {
			return dst, err
		}
	}
	// The header and all AVPs together are shorter than 65535 octets at their maximum lengths.
	binary.BigEndian.PutUint16(out[start+2:], uint16(len(out)-start))
	return out, nil
}

func (m *Message) appendAVPs(dst []byte, key *HidingKey, hide AVPSet) ([]byte, *AVPError) {
	at := len(dst)
	dst = appendAVPHeader(dst, specOf(AVPMessageType))
	dst = binary.BigEndian.AppendUint16(dst, uint16(m.Type))
	setAVPLen(dst[at:])
	for i := range m.NumDigests {
		at = len(dst)
		dst = appendAVPHeader(dst, specOf(AVPMessageDigest))
		dst = m.Digests[i].append(dst)
		if !m.Digests[i].validLength() || len(dst)-at > maxAVPLen {
			return dst, m.appendError(specOf(AVPMessageDigest), BadLength)
		}
		setAVPLen(dst[at:])
	}
	for i := range avpTable {
		spec := &avpTable[i]
		if spec.codec.append == nil || !m.Has.Has(spec.avp) {
			continue
		}
		var problem Problem
		switch {
		case !spec.in.has(m.Type):
			problem = Misplaced
		case spec.bits&bitH != 0 && hide.Has(spec.avp):
			dst, problem = m.appendHidden(dst, spec, key)
		default:
			dst, problem = m.appendClear(dst, spec)
		}
		if problem != NoProblem {
			return dst, m.appendError(spec, problem)
		}
	}
	return dst, nil
}

func (m *Message) appendClear(dst []byte, spec *avpSpec) ([]byte, Problem) {
	at := len(dst)
	dst = appendAVPHeader(dst, spec)
	dst = spec.codec.append(dst, m)
	if !spec.length.allow(len(dst) - at - avpHeaderLen) {
		return dst, BadLength
	}
	setAVPLen(dst[at:])
	return dst, NoProblem
}

// appendHidden is appendClear for an AVP that is hidden (RFC 3931, section 5.3).
func (m *Message) appendHidden(dst []byte, spec *avpSpec, key *HidingKey) ([]byte, Problem) {
	switch {
	case key == nil:
		return dst, HiddenNoKey
	case !m.Has.Has(AVPRandomVector):
		return dst, HiddenNoVector
	}
	at := len(dst)
	dst = appendAVPHeader(dst, spec)
	dst[at] |= bitH >> 8
	dst = append(dst, 0, 0)
	subformat := len(dst) - hiddenLenSize
	dst = spec.codec.append(dst, m)
	n := len(dst) - subformat - hiddenLenSize
	if !spec.length.allow(n) || len(dst)-at > maxAVPLen {
		return dst, BadLength
	}
	binary.BigEndian.PutUint16(dst[subformat:], uint16(n))
	key.hide(dst[subformat:], spec.avp, m.RandomVector)
	setAVPLen(dst[at:])
	return dst, NoProblem
}

func (m *Message) appendError(spec *avpSpec, p Problem) *AVPError {
	return &AVPError{Message: m.Type, Type: spec.avp, Mandatory: spec.bits&bitM != 0, Problem: p}
}

// appendAVPHeader appends an AVP header with the M bit of spec and length 0. The caller sets the
// length with setAVPLen.
func appendAVPHeader(dst []byte, spec *avpSpec) []byte {
	dst = binary.BigEndian.AppendUint16(dst, spec.bits&bitM)
	dst = append(dst, 0, 0)
	return binary.BigEndian.AppendUint16(dst, uint16(spec.avp))
}

// setAVPLen sets the length of the AVP b in its header.
func setAVPLen(b []byte) {
	binary.BigEndian.PutUint16(b, binary.BigEndian.Uint16(b)|uint16(len(b)))
}
