package l2tp

import "encoding/binary"

// HeaderLen is the length of the control message header in octets (RFC 3931, section 3.2.1).
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

// Header is the control message header (RFC 3931, section 3.2.1). It has no fields for the T, L and
// S bits, the version and the length: Append writes them, and ParseHeader checks them.
type Header struct {
	// ConnectionID is the control connection ID that the recipient has assigned. It is 0 while the
	// sender does not know one.
	ConnectionID uint32
	// Ns is the sequence number of this message, Nr the one expected next from the peer.
	Ns, Nr uint16
}

// ParseHeader reads the header of the control message b. It returns the header and the AVPs, and
// ignores octets beyond the Length in the header. The error is a HeaderError. With ErrVersion2 it
// returns the header and the AVPs, too, if the rest of the header is valid.
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

// IsControl reports whether the UDP payload b is a control message, by its T bit (RFC 3931, section
// 4.1.2.1). It does not check the version.
func IsControl(b []byte) bool {
	return len(b) > 0 && b[0]&(bitT>>8) != 0
}

// PeekConnectionID returns the control connection ID in the header of the control message b, or
// false if b is shorter than the header. It checks nothing else.
func PeekConnectionID(b []byte) (uint32, bool) {
	if len(b) < HeaderLen {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[4:]), true
}

// appendHeader appends h with Length 0. The caller sets the Length when the message is complete.
func appendHeader(dst []byte, h Header) []byte {
	dst = binary.BigEndian.AppendUint16(dst, bitT|bitL|bitS|version3)
	dst = append(dst, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, h.ConnectionID)
	dst = binary.BigEndian.AppendUint16(dst, h.Ns)
	return binary.BigEndian.AppendUint16(dst, h.Nr)
}
