package control

import "testing"

// The ID of a session shows whether the session is protected.
func TestProtectedSessionIDs(t *testing.T) {
	for _, protected := range []bool{false, true} {
		cfg := testConfig(1)
		cfg.Protected = protected
		p := NewPeer(cfg)
		seen := map[uint32]bool{}
		for range 1000 {
			id := p.newSessionID()
			if id == 0 || (id&ProtectedSessionIDs != 0) != protected {
				t.Fatalf("session ID %#x with Protected %v", id, protected)
			}
			seen[id] = true
		}
		if len(seen) < 999 {
			t.Errorf("%d different session IDs of 1000, want 999 at least", len(seen))
		}
	}

	// An ID that is 0 without the bit is skipped. The first four octets become the serial number.
	cfg, octets := testConfig(1), []byte{0, 0, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 7}
	cfg.Rand = func(b []byte) { octets = octets[copy(b, octets):] }
	if id := NewPeer(cfg).newSessionID(); id != 7 {
		t.Errorf("session ID %#x, want 7", id)
	}
}
