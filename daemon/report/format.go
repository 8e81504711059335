package report

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/dataplane"
)

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Plural returns a count with its noun: "1 link", "2 links".
func Plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ago returns how long ago a time was: "5 min ago"; "never" for the zero time.
func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return api.DurationText(now.Sub(then)) + " ago"
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func protocolNames(p dataplane.Protocols) []string {
	names := []string{}
	if p.Has(dataplane.IPv4) {
		names = append(names, "ipv4")
	}
	if p.Has(dataplane.IPv6) {
		names = append(names, "ipv6")
	}
	return names
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// linkLocalText returns the link-local address with an interface identifier; "" for 0.
func linkLocalText(id uint64) string {
	if id == 0 {
		return ""
	}
	b := [16]byte{0: 0xfe, 1: 0x80}
	for i := range 8 {
		b[15-i] = byte(id >> (8 * i))
	}
	return netip.AddrFrom16(b).String()
}

// routerIDText returns a Router ID as a dotted quad.
func routerIDText(id uint32) string {
	return netip.AddrFrom4([4]byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}).String()
}

// idText returns a connection, tunnel or session ID: 0x and 8 digits.
func idText(id uint32) string { return fmt.Sprintf("0x%08x", id) }

// maskCookie returns enough of a cookie to compare it, and too little to forge it: its first octet
// and its length.
func maskCookie(c []byte) string {
	if len(c) == 0 {
		return "none"
	}
	return fmt.Sprintf("%02x… (%d octets)", c[0], len(c))
}

// sublayerText returns the L2-Specific Sublayer of data messages as api.Session has it; "" for
// none.
func sublayerText(s dataplane.Sublayer) string {
	switch {
	case s == dataplane.NoSublayer:
		return ""
	case s.Sequenced():
		return "default, sequence numbers"
	}
	return "default"
}
