package userspace

import (
	"encoding/binary"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// A data message carries a PPP frame with its address and control octets (RFC 1661, section 3.1,
// with RFC 1662, section 3.1):
//
//	session header | Cookie, 0, 4 or 8 octets | Sublayer, 0 or 4 | FF 03 | protocol | information
//
// The session header is that of UDP or of IP; package l2tp has both, and the sublayer.
const (
	maxCookie   = 8
	addressSize = 2 // address and control octets

	// maxPrefix is the length of all that precedes the protocol field.
	maxPrefix = l2tp.DataHeaderLen + maxCookie + l2tp.SublayerLen + addressSize

	allStations  = 0xff // the address octet
	unnumberedUI = 0x03 // the control octet

	protocolIPv4 = 0x0021 // RFC 1332, section 2
	protocolIPv6 = 0x0057 // RFC 5072, section 2
)

// classify returns the kind of a received datagram, the Control Connection ID or session ID, and
// the control message or what follows the session ID.
func classify(e dataplane.Encapsulation, datagram []byte) (kind l2tp.Kind, id uint32, message []byte) {
	if e == dataplane.IP {
		return l2tp.ClassifyIP(datagram)
	}
	return l2tp.ClassifyUDP(datagram)
}

// appendPrefix appends the part of a data message that precedes the protocol field. Its sublayer
// has no sequence number.
func appendPrefix(b []byte, e dataplane.Encapsulation, sessionID uint32, cookie []byte, sublayer dataplane.Sublayer) []byte {
	if e == dataplane.IP {
		b = l2tp.AppendIPDataHeader(b, sessionID, cookie)
	} else {
		b = l2tp.AppendDataHeader(b, sessionID, cookie)
	}
	if sublayer != dataplane.NoSublayer {
		b = l2tp.AppendDefaultSublayer(b, l2tp.DefaultSublayer{})
	}
	return append(b, allStations, unnumberedUI)
}

// encode writes prefix and protocol field directly before the IP packet b[at:]. It returns the data
// message and the protocol of the packet, which is 0 if it is not an IP packet.
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

// verdict is what decode found out about a data message.
type verdict int

const (
	wrongCookie verdict = iota
	outOfOrder
	malformed
	ipPacket
	pppFrame // any other PPP frame
)

// decode reads a data message whose cookie begins at message[header]. order checks the sequence
// number; it is nil for a session without a sublayer. For an IP packet, decode returns its position
// in message and its protocol; for another PPP frame, the position of the protocol field. A
// compressed protocol field is expanded in place, over the octet before it.
func decode(message []byte, header int, cookie []byte, order *order) (v verdict, at int, carried dataplane.Protocols) {
	rest, ok := l2tp.CutCookie(message[header:], cookie)
	if !ok {
		return wrongCookie, 0, 0
	}
	if order != nil {
		sublayer, payload, err := l2tp.ParseDefaultSublayer(rest)
		if err != nil {
			return malformed, 0, 0
		}
		if !order.accepts(sublayer) {
			return outOfOrder, 0, 0
		}
		rest = payload
	}
	at = len(message) - len(rest)
	if b := message[at:]; len(b) >= 2 && b[0] == allStations && b[1] == unnumberedUI {
		at += 2
	}
	if len(message) > at && message[at]&1 != 0 { // RFC 1661, section 6.5
		at--
		message[at] = 0
	}
	// The last octet of the field is odd (RFC 1661, section 2).
	if len(message) < at+2 || message[at+1]&1 == 0 {
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

// ipVersion returns the version of the IP packet b, 0 if b is empty.
func ipVersion(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	return int(b[0] >> 4)
}
