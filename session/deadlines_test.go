package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// next returns the earliest deadline after random changes, and due yields the reached ones.
func TestDeadlines(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var d deadlines
	links := make([]*Link, 50)
	for i := range links {
		links[i] = &Link{heapIndex: notInHeap}
	}
	want, count := make(map[*Link]time.Time), 0
	for range 10_000 {
		l := links[rng.IntN(len(links))]
		at := start.Add(time.Duration(rng.IntN(100)) * time.Second)
		if rng.IntN(4) == 0 {
			at = time.Time{}
		}
		d.set(l, at)
		delete(want, l)
		if !at.IsZero() {
			want[l] = at
		}
		by := start.Add(time.Duration(rng.IntN(100)) * time.Second)
		for l := range d.due(by) {
			if want[l].After(by) {
				t.Fatalf("deadline %v is due by %v", want[l], by)
			}
			count++
		}
		for _, at := range want {
			if !at.After(by) {
				count--
			}
		}
		if count != 0 {
			t.Fatalf("%d links too many are due", count)
		}
		var earliestOf time.Time
		for _, at := range want {
			earliestOf = timing.Earliest(earliestOf, at)
		}
		if d.next() != earliestOf || len(d) != len(want) || (l.heapIndex == notInHeap) != at.IsZero() {
			t.Fatalf("next %v of %d, want %v of %d; index %d", d.next(), len(d), earliestOf, len(want), l.heapIndex)
		}
	}
}
