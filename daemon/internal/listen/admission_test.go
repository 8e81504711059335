package listen

import (
	"testing"
	"testing/synctest"
	"time"
)

// Messages to no control connection are limited (RFC 3931, section 4.3); messages of control
// connections are not.
func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission()
		first := []byte{0xc8, 0x03, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}
		established := []byte{0xc8, 0x03, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0}

		admitted := func(message []byte, tries int) (n int) {
			for range tries {
				if a.Admit(message) {
					n++
				}
			}
			return n
		}
		if n := admitted(first, 2*burst); n != burst {
			t.Errorf("admitted %d messages at once, want %d", n, burst)
		}
		if n := a.Refused(); n != burst {
			t.Errorf("counted %d refused messages, want %d", n, burst)
		}
		if n := admitted(established, 100); n != 100 {
			t.Errorf("admitted %d of 100 messages of a connection", n)
		}
		time.Sleep(time.Second)
		if n := admitted(first, 2*burst); n != messagesPerSecond {
			t.Errorf("admitted %d messages a second later, want %d", n, messagesPerSecond)
		}
	})
}
