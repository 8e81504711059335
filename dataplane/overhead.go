package dataplane

import "net/netip"

// Overhead is what surrounds an IP packet of a link on its way to the peer, piece by piece, in
// octets.
type Overhead struct {
	IP       int // outer IP header
	UDP      int // 0 over IP encapsulation
	L2TP     int // data message header: session ID (RFC 3931 section 4.1.1.1), with flags before it over UDP (4.1.2.1)
	Cookie   int // RFC 3931 section 4.1: 0, 4 or 8
	Sublayer int // L2-specific sublayer: 0 or 4 (RFC 3931 section 4.6)
	PPP      int // address, control and protocol fields
}

// Overhead is that of a link to peer with a cookie of that many octets and that sublayer.
func (e Encapsulation) Overhead(peer netip.Addr, cookie int, sublayer Sublayer) Overhead {
	o := Overhead{IP: 20, UDP: 8, L2TP: 8, Cookie: cookie, PPP: 4}
	if e == IP {
		o.UDP, o.L2TP = 0, 4
	}
	if sublayer != NoSublayer {
		o.Sublayer = 4
	}
	if peer.Is6() && !peer.Is4In6() {
		o.IP = 40
	}
	return o
}

// Total is the sum of all pieces.
func (o Overhead) Total() int { return o.IP + o.UDP + o.L2TP + o.Cookie + o.Sublayer + o.PPP }
