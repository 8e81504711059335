package session

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Of many links few ask at a time, all come up, and the side that is asked crosses none of the
// requests, however long they take.
func TestCallsTakeTurns(t *testing.T) {
	const n = 2 * maxAsking
	links := linkConfigs(n)
	w := newWorld(t, 1, links, links)
	w.start()
	most := 0
	w.within(time.Minute, "all links up", func() bool {
		for _, p := range []*pe{w.a, w.b} {
			most = max(most, p.pair.calls.asking)
			if p.pair.calls.asking > maxAsking {
				t.Fatalf("%s: %d links ask at once", p.name, p.pair.calls.asking)
			}
		}
		return w.a.up() && w.b.up()
	})
	if most != maxAsking {
		t.Errorf("%d links at most asked at once, want %d", most, maxAsking)
	}
	for _, p := range []*pe{w.a, w.b} {
		if c := &p.pair.calls; c.asking != 0 || len(c.line) != 0 {
			t.Errorf("%s: at the end %d ask and %d are in line", p.name, c.asking, len(c.line))
		}
	}
	if asked := w.a.sent[l2tp.ICRQ] + w.b.sent[l2tp.ICRQ]; asked != n {
		t.Errorf("%d requests for %d sessions", asked, n)
	}
}

// What asks as the connection goes counts no more, and asks again on the next one.
func TestCallsAfterTheConnection(t *testing.T) {
	links := linkConfigs(maxAsking + 20)
	w := newWorld(t, 1, links, links)
	w.start()
	w.within(10*time.Second, "links that ask", func() bool { return w.a.pair.calls.asking+w.b.pair.calls.asking > 0 })
	w.b.start()
	w.allUp(time.Minute)
	if c := &w.a.pair.calls; c.asking != 0 || len(c.line) != 0 {
		t.Errorf("%d ask and %d are in line, though all are up", c.asking, len(c.line))
	}
}
