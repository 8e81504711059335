package integration

import (
	"encoding/binary"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/tshark"
)

// One PE requests sequence numbers, so they are used in both directions (RFC 3931, sections 4.6.1
// and 5.4.4). tshark reads every message, the numbers start at 0 without gaps, and the MTU leaves
// room for them. The PE that calls requests them, because tshark ignores the request in an ICCN.
func TestSequenceNumbers(t *testing.T) {
	r := newRig(t, existingVRs)
	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.start(r.PE1, withRole(r.PE1.Config().Quick(), "passive"))
	config := withoutHello(r.PE2.Config().Quick())
	for name, vpn := range config.VPNs {
		vpn.Sequencing = "all"
		config.VPNs[name] = vpn
	}
	r.start(r.PE2, config)
	r.waitAllUp()
	for _, pe := range r.PEs() {
		if mtu := r.link(pe, "red").MTU; mtu != 1448 {
			t.Errorf("%s: the MTU is %d, want 1448", pe.Name, mtu)
		}
		sessions, err := pe.Client().Sessions(r.ctx)
		r.must(err)
		for _, s := range sessions {
			if s.Sublayer != "default, sequence numbers" {
				t.Errorf("%s: sublayer of %s: %q", pe.Name, s.VPN, s.Sublayer)
			}
		}
	}
	r.wantAnswered(r.PE1.Sites["red"].Host, r.PE2.Sites["red"].Address, lab.Ping{Size: 1448, DontFragment: true})
	r.runAndShutDown()
	wantNumbers(t, r.wantNoProblems(c))
}

// wantNumbers checks that the data messages of each session are numbered from 0.
func wantNumbers(t *testing.T, frames []tshark.Frame) {
	t.Helper()
	const at, sBit = 8 + 8, 1 << 30 // after session header and cookie (RFC 3931, section 4.6)
	next := map[uint32]uint32{}
	for _, f := range frames {
		if f.SessionID == 0 {
			continue
		}
		if word := binary.BigEndian.Uint32(f.Payload[at:]); word != sBit|next[f.SessionID] {
			t.Errorf("%s: sublayer %#08x, want sequence number %d", f, word, next[f.SessionID])
		}
		next[f.SessionID]++
	}
	if len(next) != 4 {
		t.Errorf("data of %d sessions, want 4: two VPNs in two directions", len(next))
	}
}
