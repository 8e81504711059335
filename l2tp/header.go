package l2tp

import "encoding/binary"

// HeaderLen is the length of the control message header in octets (RFC 3931,
// section 3.2.1).
const HeaderLen = 12

// Bits and fields of the first two octets of a message.
const (
	bitT        = 0x8000 // control message
	bitL        = 0x4000 // Length is present
	bitS        = 0x0800 // Ns and Nr are present
	versionMask = 0x000f
	version2    = 2
	version3    = 3
)

// Header is the control message header (RFC 3931, section 3.2.1). The T, L and S
// bits, version 3 and the length are not in it: Append writes them, ParseHeader
// insists on them.
type Header struct {
	// ConnectionID is the recipient's control connection ID, 0 as long as the
	// sender has not heard of one.
	ConnectionID uint32
	// Ns is this message's sequence number, Nr the one expected next from the peer.
	Ns, Nr uint16
}

// ParseHeader reads the header of the control message b and returns the AVPs
// behind it, as far as the header's Length goes: octets beyond it are not looked
// at. The error is a HeaderError; with ErrVersion2 header and AVPs are returned
// too, if the rest of the header is in order.
func ParseHeader(b []byte) (Header, []byte, error) {
	if len(b) < HeaderLen {
		return Header{}, nil, ErrTruncated
	}
	flags := binary.BigEndian.Uint16(b)
	length := int(binary.BigEndian.Uint16(b[2:]))
	version := flags & versionMask
	switch {
	case version != version2 && version != version3:
		return Header{}, nil, ErrVersion
	case flags&bitT == 0:
		return Header{}, nil, ErrNotControl
	case flags&bitL == 0:
		return Header{}, nil, ErrNoLength
	case flags&bitS == 0:
		return Header{}, nil, ErrNoSequence
	case length < HeaderLen || length > len(b):
		return Header{}, nil, ErrLength
	}
	h := Header{
		ConnectionID: binary.BigEndian.Uint32(b[4:]),
		Ns:           binary.BigEndian.Uint16(b[8:]),
		Nr:           binary.BigEndian.Uint16(b[10:]),
	}
	if version == version2 {
		return h, b[HeaderLen:length], ErrVersion2
	}
	return h, b[HeaderLen:length], nil
}

// IsControl reports whether the UDP payload b is a control message: its T bit
// is set. It says nothing about the version (RFC 3931, section 4.1.2.1).
func IsControl(b []byte) bool {
	return len(b) > 0 && b[0]&(bitT>>8) != 0
}

// PeekConnectionID returns the control connection ID of the control message b
// without looking at anything else; false if b is too short to have one.
func PeekConnectionID(b []byte) (uint32, bool) {
	if len(b) < HeaderLen {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[4:]), true
}

// appendHeader appends h with the Length left 0, for the message's end to fill in.
func appendHeader(dst []byte, h Header) []byte {
	dst = binary.BigEndian.AppendUint16(dst, bitT|bitL|bitS|version3)
	dst = append(dst, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, h.ConnectionID)
	dst = binary.BigEndian.AppendUint16(dst, h.Ns)
	return binary.BigEndian.AppendUint16(dst, h.Nr)
}
