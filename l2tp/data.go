package l2tp

import (
	"crypto/subtle"
	"encoding/binary"
)

// DataHeaderLen is the length, in octets, of the session header over UDP without the cookie (RFC
// 3931, section 4.1.2.1).
const DataHeaderLen = 8

// SessionIDLen is the length of the session ID in octets. Over IP the session header is only the
// session ID and the cookie (RFC 3931, section 4.1.1.1).
const SessionIDLen = 4

// ParseDataHeader reads the session header of b, a data message received over UDP. It returns the
// session ID and what follows it: the cookie, which CutCookie removes, and the payload. The error
// is a HeaderError.
func ParseDataHeader(b []byte) (sessionID uint32, rest []byte, err error) {
	if len(b) < DataHeaderLen {
		return 0, nil, ErrTruncated
	}
	flags := binary.BigEndian.Uint16(b)
	switch version := flags & versionMask; {
	case version == version2:
		return 0, nil, ErrVersion2
	case version != version3:
		return 0, nil, ErrVersion
	case flags&bitT != 0:
		return 0, nil, ErrNotData
	}
	return binary.BigEndian.Uint32(b[4:]), b[DataHeaderLen:], nil
}

// AppendDataHeader appends the session header over UDP, with the session ID and the cookie that the
// peer has assigned.
func AppendDataHeader(dst []byte, sessionID uint32, cookie []byte) []byte {
	dst = append(dst, 0, version3, 0, 0)
	return AppendIPDataHeader(dst, sessionID, cookie)
}

// ParseIPDataHeader reads the session ID at the start of b, the payload of an IP packet with
// protocol 115. It returns the session ID and what follows it. With session ID 0 that is a control
// message (RFC 3931, section 4.1.1.2), otherwise the cookie, which CutCookie removes, and the
// payload. The error is a HeaderError.
func ParseIPDataHeader(b []byte) (sessionID uint32, rest []byte, err error) {
	if len(b) < SessionIDLen {
		return 0, nil, ErrTruncated
	}
	return binary.BigEndian.Uint32(b), b[SessionIDLen:], nil
}

// AppendIPDataHeader appends the session header over IP, with the session ID and the cookie that
// the peer has assigned.
func AppendIPDataHeader(dst []byte, sessionID uint32, cookie []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, sessionID)
	return append(dst, cookie...)
}

// CutCookie removes the local cookie from the start of b and returns the payload after it. It
// returns false if b does not start with the cookie. The comparison takes the same time for every
// wrong cookie, so that its duration does not reveal which octets are correct.
func CutCookie(b, cookie []byte) (payload []byte, ok bool) {
	if len(b) < len(cookie) || subtle.ConstantTimeCompare(b[:len(cookie)], cookie) == 0 {
		return nil, false
	}
	return b[len(cookie):], true
}

// SublayerLen is the length of the Default L2-Specific Sublayer in octets.
const SublayerLen = 4

// DefaultSublayer is the Default L2-Specific Sublayer, which is between the cookie and the payload
// (RFC 3931, section 4.6).
type DefaultSublayer struct {
	// Sequenced is the S bit: Sequence is valid.
	Sequenced bool
	// Sequence is the sequence number, modulo 2^24.
	Sequence uint32
}

// SequenceMask has the bits of a sequence number, which is modulo 2^24.
const SequenceMask = 1<<24 - 1

const sublayerS = 1 << 30 // the S bit

// ParseDefaultSublayer reads the sublayer at the start of b. It returns the sublayer and the
// payload after it. It ignores reserved bits. The error is a HeaderError.
func ParseDefaultSublayer(b []byte) (DefaultSublayer, []byte, error) {
	if len(b) < SublayerLen {
		return DefaultSublayer{}, nil, ErrTruncated
	}
	word := binary.BigEndian.Uint32(b)
	return DefaultSublayer{word&sublayerS != 0, word & SequenceMask}, b[SublayerLen:], nil
}

// AppendDefaultSublayer appends the sublayer s.
func AppendDefaultSublayer(dst []byte, s DefaultSublayer) []byte {
	word := s.Sequence & SequenceMask
	if s.Sequenced {
		word |= sublayerS
	}
	return binary.BigEndian.AppendUint32(dst, word)
}
