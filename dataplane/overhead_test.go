package dataplane

import (
	"net/netip"
	"testing"
)

// Outer IP header, UDP 8, session header 8 (RFC 3931 section 4.1.2.1), cookie, PPP 4.
func TestUDPOverhead(t *testing.T) {
	for _, tt := range []struct {
		peer   string
		cookie int
		want   int
	}{
		{"192.0.2.1", 0, 40},
		{"192.0.2.1", 4, 44},
		{"192.0.2.1", 8, 48},
		{"::ffff:192.0.2.1", 8, 48},
		{"2001:db8::1", 0, 60},
		{"2001:db8::1", 8, 68},
	} {
		if got := UDPOverhead(netip.MustParseAddr(tt.peer), tt.cookie).Total(); got != tt.want {
			t.Errorf("to %s with a cookie of %d: %d octets, want %d", tt.peer, tt.cookie, got, tt.want)
		}
	}
}

func TestProtocols(t *testing.T) {
	both := IPv4 | IPv6
	if !both.Has(IPv4) || !both.Has(both) || IPv4.Has(both) || IPv4.Has(IPv6) || Protocols(0).Has(IPv4) {
		t.Error("a set has what it has not")
	}
}
