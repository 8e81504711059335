package l2tp

import (
	"crypto/subtle"
	"encoding/binary"
)

// DataHeaderLen is the length in octets of the session header over UDP without the
// cookie (RFC 3931, section 4.1.2.1).
const DataHeaderLen = 8

// SessionIDLen is the length in octets of the session ID, which is all of the
// session header over IP but for the cookie (RFC 3931, section 4.1.1.1).
const SessionIDLen = 4

// ParseDataHeader reads the session header of the data message b over UDP and returns
// what is behind the session ID: the cookie, for CutCookie, and the payload.
// The error is a HeaderError.
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

// AppendDataHeader appends the session header over UDP with the peer's cookie.
func AppendDataHeader(dst []byte, sessionID uint32, cookie []byte) []byte {
	dst = append(dst, 0, version3, 0, 0)
	return AppendIPDataHeader(dst, sessionID, cookie)
}

// ParseIPDataHeader reads the session ID of the IP payload b (protocol 115) and
// returns what is behind it: with ID 0 a control message, else the cookie, for
// CutCookie, and the payload (RFC 3931, section 4.1.1.2). The error is a HeaderError.
func ParseIPDataHeader(b []byte) (sessionID uint32, rest []byte, err error) {
	if len(b) < SessionIDLen {
		return 0, nil, ErrTruncated
	}
	return binary.BigEndian.Uint32(b), b[SessionIDLen:], nil
}

// AppendIPDataHeader appends the session header over IP with the peer's cookie.
func AppendIPDataHeader(dst []byte, sessionID uint32, cookie []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, sessionID)
	return append(dst, cookie...)
}

// CutCookie takes our cookie off b and returns the payload behind it. It fails if b
// starts with anything else. The time it takes does not tell how much of a
// wrong cookie was right.
func CutCookie(b, cookie []byte) (payload []byte, ok bool) {
	if len(b) < len(cookie) || subtle.ConstantTimeCompare(b[:len(cookie)], cookie) == 0 {
		return nil, false
	}
	return b[len(cookie):], true
}

// SublayerLen is the length in octets of the Default L2-Specific Sublayer.
const SublayerLen = 4

// DefaultSublayer is the Default L2-Specific Sublayer (RFC 3931, section 4.6), between
// the cookie and the payload.
type DefaultSublayer struct {
	// Sequenced is the S bit: Sequence counts.
	Sequenced bool
	// Sequence is a number modulo 2^24.
	Sequence uint32
}

const (
	sublayerS    = 1 << 30
	sequenceMask = 1<<24 - 1
)

// ParseDefaultSublayer reads the sublayer and returns the payload behind it.
// Reserved bits are ignored. The error is a HeaderError.
func ParseDefaultSublayer(b []byte) (DefaultSublayer, []byte, error) {
	if len(b) < SublayerLen {
		return DefaultSublayer{}, nil, ErrTruncated
	}
	word := binary.BigEndian.Uint32(b)
	return DefaultSublayer{word&sublayerS != 0, word & sequenceMask}, b[SublayerLen:], nil
}

// AppendDefaultSublayer appends the sublayer s.
func AppendDefaultSublayer(dst []byte, s DefaultSublayer) []byte {
	word := s.Sequence & sequenceMask
	if s.Sequenced {
		word |= sublayerS
	}
	return binary.BigEndian.AppendUint32(dst, word)
}
