package dataplane

import (
	"net/netip"
	"testing"
)

// The overhead is the outer IP header, UDP 8 and session header 8 (RFC 3931, section 4.1.2.1) or
// only session header 4 (section 4.1.1.1), cookie, sublayer, and PPP 4.
func TestOverhead(t *testing.T) {
	for _, tt := range []struct {
		encapsulation Encapsulation
		peer          string
		cookie        int
		sublayer      Sublayer
		want          int
	}{
		{UDP, "192.0.2.1", 0, NoSublayer, 40},
		{UDP, "192.0.2.1", 4, NoSublayer, 44},
		{UDP, "192.0.2.1", 8, NoSublayer, 48},
		{UDP, "::ffff:192.0.2.1", 8, NoSublayer, 48},
		{UDP, "2001:db8::1", 0, NoSublayer, 60},
		{UDP, "2001:db8::1", 8, NoSublayer, 68},
		{IP, "192.0.2.1", 0, NoSublayer, 28},
		{IP, "::ffff:192.0.2.1", 8, NoSublayer, 36},
		{IP, "2001:db8::1", 4, NoSublayer, 52},
		{UDP, "192.0.2.1", 8, SublayerAlone, 52},
		{IP, "2001:db8::1", 4, SublayerSequenced, 56},
		{IP, "192.0.2.1", 0, SublayerSequencedNonIP, 32},
	} {
		if got := tt.encapsulation.Overhead(netip.MustParseAddr(tt.peer), tt.cookie, tt.sublayer).Total(); got != tt.want {
			t.Errorf("over %v to %s with a cookie of %d octets and sublayer %d: %d octets, want %d", tt.encapsulation, tt.peer, tt.cookie, tt.sublayer, got, tt.want)
		}
	}
}

func TestProtocols(t *testing.T) {
	both := IPv4 | IPv6
	if !both.Has(IPv4) || !both.Has(both) || IPv4.Has(both) || IPv4.Has(IPv6) || Protocols(0).Has(IPv4) {
		t.Error("Has is wrong about a set of protocols")
	}
}
