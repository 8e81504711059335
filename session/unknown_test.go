package session

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
)

// Calls for VPN-IDs that have no link here are remembered, the latest of them.
func TestUnknownCallsAreRemembered(t *testing.T) {
	w := newWorld(t, 1, linkConfigs(2), linkConfigs(1))
	w.start()
	missing := endid.New(0x5e, 2)
	w.within(time.Minute, "second call in vain", func() bool { return w.b.pair.Status().Unknown[missing].Count == 2 })
	calls := w.b.pair.Status().Unknown
	if len(calls) != 1 || w.now.Sub(calls[missing].Last) > time.Second {
		t.Errorf("%v at %v", calls, w.now)
	}
	if len(w.a.pair.Status().Unknown) != 0 {
		t.Error("the other has been called for what it has")
	}

	p := w.a.pair
	for i := range uint32(3 * maxUnknown) {
		w.now = w.now.Add(time.Second)
		p.noteUnknown(w.now, endid.New(0x5e, 1)) // over and over
		p.noteUnknown(w.now, endid.New(0x5e, i+2))
	}
	told := p.Status().Unknown
	if len(told) != maxUnknown {
		t.Errorf("%d are remembered, want %d", len(told), maxUnknown)
	}
	if n := told[endid.New(0x5e, 1)].Count; n != 3*maxUnknown {
		t.Errorf("%d calls for the one that is called for over and over", n)
	}
	for i := uint32(0); i < maxUnknown-1; i++ {
		if id := endid.New(0x5e, 3*maxUnknown+1-i); told[id].Count != 1 {
			t.Errorf("%s is forgotten", id)
		}
	}
}
