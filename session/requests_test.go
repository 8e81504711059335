package session

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Few of many links have a pending request at a time, all come up, and the requested end sends no
// crossing requests, however long that takes.
func TestRequestsAreLimited(t *testing.T) {
	const n = 2 * maxPending
	links := linkConfigs(n)
	sim := newSimulation(t, 1, links, links)
	sim.start()
	most := 0
	sim.within(time.Minute, "all links up", func() bool {
		for _, p := range []*pe{sim.a, sim.b} {
			most = max(most, p.pair.requests.pending)
			if p.pair.requests.pending > maxPending {
				t.Fatalf("%s: %d pending requests", p.name, p.pair.requests.pending)
			}
		}
		return sim.a.up() && sim.b.up()
	})
	if most != maxPending {
		t.Errorf("at most %d pending requests, want %d", most, maxPending)
	}
	for _, p := range []*pe{sim.a, sim.b} {
		if c := &p.pair.requests; c.pending != 0 || len(c.queue) != 0 {
			t.Errorf("%s: %d pending and %d queued requests, although all links are up", p.name, c.pending, len(c.queue))
		}
	}
	if sent := sim.a.sent[l2tp.ICRQ] + sim.b.sent[l2tp.ICRQ]; sent != n {
		t.Errorf("%d requests for %d sessions", sent, n)
	}
}

// Requests pending at the end of the connection are no longer counted, and are sent again on the
// next connection.
func TestRequestsAfterConnectionDown(t *testing.T) {
	links := linkConfigs(maxPending + 20)
	sim := newSimulation(t, 1, links, links)
	sim.start()
	sim.within(10*time.Second, "pending requests", func() bool { return sim.a.pair.requests.pending+sim.b.pair.requests.pending > 0 })
	sim.b.start()
	sim.allUp(time.Minute)
	if c := &sim.a.pair.requests; c.pending != 0 || len(c.queue) != 0 {
		t.Errorf("%d pending and %d queued requests, although all links are up", c.pending, len(c.queue))
	}
}
