// Package check validates the configuration of sessions for all data planes.
package check

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// maxPacket is the length of the longest IP packet in octets.
const maxPacket = 1<<16 - 1

// Session returns an error for a session that RFC 3931 or Linux does not allow.
func Session(cfg dataplane.SessionConfig) error {
	if cfg.LocalID == 0 || cfg.PeerID == 0 {
		return fmt.Errorf("session IDs %#x and %#x of the peer: want other than 0", cfg.LocalID, cfg.PeerID)
	}
	for _, cookie := range [][]byte{cfg.LocalCookie, cfg.PeerCookie} {
		if n := len(cookie); n != 0 && n != 4 && n != 8 {
			return fmt.Errorf("session %#x: cookie of %d octets: want 0, 4 or 8", cfg.LocalID, n)
		}
	}
	if cfg.MTU < 1 || cfg.MTU > maxPacket {
		return fmt.Errorf("MTU %d: want 1 to %d octets", cfg.MTU, maxPacket)
	}
	return Interface(cfg.Interface)
}

// Interface returns an error for a name that Linux does not allow for an interface, or would expand
// as a pattern.
func Interface(name string) error {
	if name == "" || len(name) >= unix.IFNAMSIZ {
		return fmt.Errorf("interface name %q: want 1 to %d octets, not %d", name, unix.IFNAMSIZ-1, len(name))
	}
	if name == "." || name == ".." || strings.ContainsAny(name, "/:% \t\n\v\f\r\x00") {
		return fmt.Errorf(`interface name %q: want no blank, slash, colon or percent sign, and not "." or ".."`, name)
	}
	return nil
}
