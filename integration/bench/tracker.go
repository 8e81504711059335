package bench

import (
	"slices"
	"sync"
	"time"
)

// tracker tracks which links of a side are up, and how long they took to come up. startRound begins
// a round. The round ends when every link is up and has come up in this round.
type tracker struct {
	mu    sync.Mutex
	links map[string]*linkState // by interface name
	count int                   // links that are up and have come up in this round
	start time.Time             // of the round
	done  chan []time.Duration  // of size 1: the times of a completed round, in ascending order
}

type linkState struct {
	up    bool
	fresh bool          // it came up in this round
	after time.Duration // time to up, since the start of the round
}

func newTracker(interfaces []string) *tracker {
	t := &tracker{links: make(map[string]*linkState, len(interfaces)), done: make(chan []time.Duration, 1)}
	for _, name := range interfaces {
		t.links[name] = &linkState{}
	}
	return t
}

func (t *tracker) startRound(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start, t.count = now, 0
	for _, s := range t.links {
		s.fresh = false
	}
}

func (t *tracker) up(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.links[name]
	if s.up {
		return
	}
	*s = linkState{up: true, fresh: true, after: time.Since(t.start)}
	if t.count++; t.count == len(t.links) {
		t.done <- t.times()
	}
}

func (t *tracker) down(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.links[name]
	if s.up && s.fresh {
		t.count--
	}
	s.up, s.fresh = false, false
}

// restarting marks a link as down, unless it has already come up in this round.
func (t *tracker) restarting(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.links[name]; !s.fresh {
		s.up = false
	}
}

// times returns the times to up of all links, in ascending order. The caller holds mu.
func (t *tracker) times() []time.Duration {
	var times []time.Duration
	for _, s := range t.links {
		times = append(times, s.after)
	}
	slices.Sort(times)
	return times
}

// missing returns the number of links that the round still waits for.
func (t *tracker) missing() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.links) - t.count
}
