package pppd

import (
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. Nothing passes or fails by being quick.
const patience = 30 * time.Second

// journal is what one end told, in order. Tests take entries from it.
type journal[T any] struct {
	mu      sync.Mutex
	entries []entry[T]
	added   chan struct{} // closed when an entry is added
}

type entry[T any] struct {
	value T
	taken bool
}

func newJournal[T any]() *journal[T] { return &journal[T]{added: make(chan struct{})} }

func (j *journal[T]) add(v T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry[T]{value: v})
	close(j.added)
	j.added = make(chan struct{})
}

// take takes the first entry that matches and was not taken. If there is none it returns what tells
// of the next one.
func (j *journal[T]) take(match func(T) bool) (value T, ok bool, added <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.entries {
		if e := &j.entries[i]; !e.taken && match(e.value) {
			e.taken = true
			return e.value, true, nil
		}
	}
	return value, false, j.added
}

// await takes an entry like take, and waits for it to be there.
func (j *journal[T]) await(t *testing.T, what string, match func(T) bool) T {
	t.Helper()
	limit := time.After(patience)
	for {
		value, ok, added := j.take(match)
		if ok {
			return value
		}
		select {
		case <-added:
		case <-limit:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// rest returns the entries that no test took.
func (j *journal[T]) rest() (values []T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if !e.taken {
			values = append(values, e.value)
		}
	}
	return values
}

// all returns all entries.
func (j *journal[T]) all() (values []T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		values = append(values, e.value)
	}
	return values
}
