package userspace

import (
	"crypto/subtle"
	"encoding/binary"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// The L2TPv3 session header over UDP (RFC 3931 section 4.1.2.1) and over IP (section 4.1.1.1), and
// PPP in it with address and control octets (RFC 1661 section 3.1 by way of RFC 1662 section 3.1):
//
//	T bit, x bits, Ver | Reserved | Session ID | Cookie, 0, 4 or 8 octets | Sublayer, 0 or 4 | FF 03 | protocol | information
//	                                Session ID | Cookie, 0, 4 or 8 octets | Sublayer, 0 or 4 | FF 03 | protocol | information
//
// A control message has the T bit; over IP, session ID 0 precedes it (section 4.1.1.2).
const (
	flagsSize     = 4
	sessionIDSize = 4
	maxCookie     = 8
	addressSize   = 2                                                                  // address and control octets
	maxPrefix     = flagsSize + sessionIDSize + maxCookie + sublayerSize + addressSize // up to the protocol field

	tBit        = 0x80
	versionMask = 0x0f
	version     = 3

	allStations  = 0xff // the address octet
	unnumberedUI = 0x03 // the control octet

	protocolIPv4 = 0x0021 // RFC 1332 section 2
	protocolIPv6 = 0x0057 // RFC 5072 section 2
)

// headerSize is the size of a data message up to its cookie, in octets.
func headerSize(e dataplane.Encapsulation) int {
	if e == dataplane.IP {
		return sessionIDSize
	}
	return flagsSize + sessionIDSize
}

// kind is what a datagram turned out to be.
type kind int

const (
	isNothing kind = iota
	isControl
	isData
)

// peek finds out what a datagram is: where in it a control message begins, or whose session a data
// message is of.
func peek(e dataplane.Encapsulation, datagram []byte) (k kind, at int, sessionID uint32) {
	if e == dataplane.IP {
		if len(datagram) < sessionIDSize {
			return isNothing, 0, 0
		}
		if id := binary.BigEndian.Uint32(datagram); id != 0 {
			return isData, 0, id
		}
		at = sessionIDSize
	}
	message := datagram[at:]
	switch {
	case len(message) < flagsSize+sessionIDSize || message[1]&versionMask != version:
		return isNothing, 0, 0
	case message[0]&tBit != 0:
		return isControl, at, 0
	case e == dataplane.IP:
		return isNothing, 0, 0
	}
	return isData, 0, binary.BigEndian.Uint32(message[flagsSize:])
}

// appendPrefix appends all of a data message that precedes the protocol field; its sublayer has no
// sequence number.
func appendPrefix(b []byte, e dataplane.Encapsulation, sessionID uint32, cookie []byte, sublayer dataplane.Sublayer) []byte {
	if e == dataplane.UDP {
		b = append(b, 0, version, 0, 0)
	}
	b = binary.BigEndian.AppendUint32(b, sessionID)
	b = append(b, cookie...)
	if sublayer != dataplane.NoSublayer {
		b = append(b, make([]byte, sublayerSize)...)
	}
	return append(b, allStations, unnumberedUI)
}

// encode writes the message's prefix and protocol field right before the IP packet, which is
// b[at:]. It returns the message, and which protocol it carries: none if it is not an IP packet.
func encode(b []byte, at int, prefix []byte) (message []byte, carried dataplane.Protocols) {
	protocol, carried := uint16(0), dataplane.Protocols(0)
	switch ipVersion(b[at:]) {
	case 4:
		protocol, carried = protocolIPv4, dataplane.IPv4
	case 6:
		protocol, carried = protocolIPv6, dataplane.IPv6
	default:
		return nil, 0
	}
	binary.BigEndian.PutUint16(b[at-2:], protocol)
	start := at - 2 - len(prefix)
	copy(b[start:], prefix)
	return b[start:], carried
}

// verdict is what a data message turned out to be.
type verdict int

const (
	wrongCookie verdict = iota
	outOfOrder
	malformed
	ipPacket // of an NCP's protocol
	pppFrame // any other
)

// decode looks into a data message, whose cookie begins at that place, and in which order, if it is
// not nil, follows. For a packet it returns where in message the IP packet begins and its protocol,
// for a frame where the protocol field begins. A compressed protocol field is expanded in place,
// over the octet before it.
func decode(message []byte, header int, cookie []byte, order *order) (v verdict, at int, carried dataplane.Protocols) {
	at = header + len(cookie)
	if len(message) < at || subtle.ConstantTimeCompare(message[header:at], cookie) != 1 {
		return wrongCookie, 0, 0
	}
	if order != nil {
		if len(message) < at+sublayerSize {
			return malformed, 0, 0
		}
		if !order.takes(binary.BigEndian.Uint32(message[at:])) {
			return outOfOrder, 0, 0
		}
		at += sublayerSize
	}
	if b := message[at:]; len(b) >= 2 && b[0] == allStations && b[1] == unnumberedUI {
		at += 2
	}
	if len(message) > at && message[at]&1 != 0 { // RFC 1661 section 6.5
		at--
		message[at] = 0
	}
	if len(message) < at+2 || message[at+1]&1 == 0 { // RFC 1661 section 2: the last octet of the field is odd
		return malformed, 0, 0
	}
	information := message[at+2:]
	switch binary.BigEndian.Uint16(message[at:]) {
	case protocolIPv4:
		if len(information) < 20 || ipVersion(information) != 4 {
			return malformed, 0, 0
		}
		return ipPacket, at + 2, dataplane.IPv4
	case protocolIPv6:
		if len(information) < 40 || ipVersion(information) != 6 {
			return malformed, 0, 0
		}
		return ipPacket, at + 2, dataplane.IPv6
	}
	return pppFrame, at, 0
}

// ipVersion is the version of an IP packet, 0 if there is none.
func ipVersion(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return int(b[0] >> 4)
}
