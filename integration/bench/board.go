package bench

import (
	"slices"
	"sync"
	"time"
)

// board holds which links of a side are up, and since when. A round begins with the board, and with
// each call of again; it is over when every link has come up in it and is up.
type board struct {
	mu    sync.Mutex
	links map[string]*standing // by the name of the interface
	count int                  // that are up, and came up in this round
	start time.Time            // of the round
	over  chan []time.Duration // of size 1: how long each link has taken, the fastest first
}

type standing struct {
	up    bool
	fresh bool // it came up in this round
	after time.Duration
}

func newBoard(interfaces []string) *board {
	b := &board{links: make(map[string]*standing, len(interfaces)), over: make(chan []time.Duration, 1)}
	for _, name := range interfaces {
		b.links[name] = &standing{}
	}
	return b
}

// again begins a round.
func (b *board) again(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.start, b.count = now, 0
	for _, s := range b.links {
		s.fresh = false
	}
}

func (b *board) up(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.links[name]
	if s.up {
		return
	}
	*s = standing{up: true, fresh: true, after: time.Since(b.start)}
	if b.count++; b.count == len(b.links) {
		b.over <- b.times()
	}
}

func (b *board) down(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.links[name]
	if s.up && s.fresh {
		b.count--
	}
	s.up, s.fresh = false, false
}

// anew says that a link begins to come up, unless it has done so in this round.
func (b *board) anew(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.links[name]; !s.fresh {
		s.up = false
	}
}

// times is how long each link has taken, with mu held.
func (b *board) times() []time.Duration {
	var times []time.Duration
	for _, s := range b.links {
		times = append(times, s.after)
	}
	slices.Sort(times)
	return times
}

// missing counts the links that the round still waits for.
func (b *board) missing() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.links) - b.count
}
