package session

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// The latest session requests for VPN-IDs without a link here are recorded.
func TestUnknownCalls(t *testing.T) {
	sim := newSimulation(t, 1, linkConfigs(2), linkConfigs(1))
	sim.start()
	missing := endid.New(0x5e, 2)
	sim.within(time.Minute, "second refused request", func() bool { return sim.b.pair.Status().Unknown[missing].Count == 2 })
	calls := sim.b.pair.Status().Unknown
	if len(calls) != 1 || sim.now.Sub(calls[missing].Last) > time.Second {
		t.Errorf("%v at %v", calls, sim.now)
	}
	if len(sim.a.pair.Status().Unknown) != 0 {
		t.Error("pe1 has recorded a request for a VPN-ID that it has")
	}

	p := sim.a.pair
	for i := range uint32(3 * maxUnknown) {
		sim.now = sim.now.Add(time.Second)
		p.recordUnknown(sim.now, endid.New(0x5e, 1)) // requested repeatedly
		p.recordUnknown(sim.now, endid.New(0x5e, i+2))
	}
	recorded := p.Status().Unknown
	if len(recorded) != maxUnknown {
		t.Errorf("%d VPN-IDs are recorded, want %d", len(recorded), maxUnknown)
	}
	if n := recorded[endid.New(0x5e, 1)].Count; n != 3*maxUnknown {
		t.Errorf("%d requests for the repeatedly requested VPN-ID, want %d", n, 3*maxUnknown)
	}
	for i := uint32(0); i < maxUnknown-1; i++ {
		if id := endid.New(0x5e, 3*maxUnknown+1-i); recorded[id].Count != 1 {
			t.Errorf("%s is not recorded", id)
		}
	}
}
