package daemon

import (
	"testing"
	"testing/synctest"
	"time"
)

// Calls of all peers together are bounded (RFC 3931 section 4.3); what belongs to a connection is
// not.
func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission()
		call := []byte{0xc8, 0x03, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}
		known := []byte{0xc8, 0x03, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0}

		admitted := func(message []byte, tries int) (n int) {
			for range tries {
				if a.admit(message) {
					n++
				}
			}
			return n
		}
		if n := admitted(call, 2*callsAtOnce); n != callsAtOnce {
			t.Errorf("%d calls at once were admitted, want %d", n, callsAtOnce)
		}
		if n := a.refused.Load(); n != callsAtOnce {
			t.Errorf("%d calls were counted as refused, want %d", n, callsAtOnce)
		}
		if n := admitted(known, 100); n != 100 {
			t.Errorf("%d of 100 messages of a connection were admitted", n)
		}
		time.Sleep(time.Second)
		if n := admitted(call, 2*callsAtOnce); n != callsPerSecond {
			t.Errorf("%d calls were admitted a second later, want %d", n, callsPerSecond)
		}
	})
}
