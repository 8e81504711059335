package control

import "testing"

// Whether a session is protected can be seen of its ID.
func TestProtectedSessionIDs(t *testing.T) {
	for _, protected := range []bool{false, true} {
		cfg := testConfig(1)
		cfg.Protected = protected
		p := NewPeer(cfg)
		seen := map[uint32]bool{}
		for range 1000 {
			id := p.newSessionID()
			if id == 0 || (id&ProtectedSessionIDs != 0) != protected {
				t.Fatalf("session ID %#x where protected is %v", id, protected)
			}
			seen[id] = true
		}
		if len(seen) < 999 {
			t.Errorf("%d session IDs of 1000 differ", len(seen))
		}
	}

	// Neither 0 nor what another session has is given.
	cfg, octets := testConfig(1), []byte{0x80, 0, 0, 0, 0x80, 0, 0, 7}
	cfg.Rand = func(b []byte) { octets = octets[copy(b, octets):] }
	if id := NewPeer(cfg).newSessionID(); id != 7 {
		t.Errorf("session ID %#x, want 7", id)
	}
}
