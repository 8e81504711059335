package dataplane

import (
	"net/netip"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Overhead is the length, in octets, of each header that surrounds an IP packet of a link on the
// path to the peer.
type Overhead struct {
	IP       int // outer IP header
	UDP      int // 0 over IP encapsulation
	L2TP     int // session header without cookie: 4 over IP, 8 over UDP (RFC 3931, section 4.1)
	Cookie   int // 0, 4 or 8 (RFC 3931, section 4.1)
	Sublayer int // L2-Specific Sublayer: 0 or 4 (RFC 3931, section 4.6)
	PPP      int // address, control and protocol fields
}

// Overhead returns the overhead of a link to the address peer, with the length of the cookie in
// octets and the sublayer of its data messages.
func (e Encapsulation) Overhead(peer netip.Addr, cookie int, sublayer Sublayer) Overhead {
	o := Overhead{IP: 20, UDP: 8, L2TP: l2tp.DataHeaderLen, Cookie: cookie, PPP: 4}
	if e == IP {
		o.UDP, o.L2TP = 0, l2tp.SessionIDLen
	}
	if sublayer != NoSublayer {
		o.Sublayer = l2tp.SublayerLen
	}
	if peer.Is6() && !peer.Is4In6() {
		o.IP = 40
	}
	return o
}

// Total returns the sum of all headers in octets.
func (o Overhead) Total() int { return o.IP + o.UDP + o.L2TP + o.Cookie + o.Sublayer + o.PPP }
