package l2tp

import "encoding/binary"

// Kind is what a received datagram contains.
type Kind int

// The kinds of a datagram.
const (
	KindInvalid Kind = iota // too short, or not version 3
	KindControl             // a control message (RFC 3931, section 3.2.1)
	KindData                // a data message (RFC 3931, section 3.2.2)
)

// ClassifyUDP reads the start of b, a datagram received over UDP (RFC 3931, section 4.1.2.1). For a
// control message it returns the Control Connection ID and all of b; the rest of the header is not
// checked. For a data message it returns the session ID and what follows it: the cookie, which
// CutCookie removes, and the payload. It does not allocate.
func ClassifyUDP(b []byte) (kind Kind, id uint32, message []byte) {
	if len(b) < DataHeaderLen || b[1]&versionMask != version3 {
		return KindInvalid, 0, nil
	}
	id = binary.BigEndian.Uint32(b[4:])
	if IsControl(b) {
		return KindControl, id, b
	}
	return KindData, id, b[DataHeaderLen:]
}

// ClassifyIP reads the start of b, the payload of an IP packet with protocol 115. Session ID 0
// precedes a control message; it is not part of the message that is returned (RFC 3931, section
// 4.1.1.2). Otherwise it is the same as ClassifyUDP.
func ClassifyIP(b []byte) (kind Kind, id uint32, message []byte) {
	if len(b) < SessionIDLen {
		return KindInvalid, 0, nil
	}
	if id = binary.BigEndian.Uint32(b); id != 0 {
		return KindData, id, b[SessionIDLen:]
	}
	if kind, id, message = ClassifyUDP(b[SessionIDLen:]); kind != KindControl {
		return KindInvalid, 0, nil
	}
	return kind, id, message
}
