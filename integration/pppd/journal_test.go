package pppd

import (
	"sync"
	"testing"
	"time"
)

// timeout is how long a test waits for an expected event. It is long, so that a slow machine
// passes.
const timeout = 30 * time.Second

// journal has the events or log lines of one end, in order. Tests take entries from it.
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

// take takes the first entry that matches and was not taken. If no entry matches it returns a
// channel that is closed when the next entry is added.
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

// await waits for a matching entry and takes it.
func (j *journal[T]) await(t *testing.T, what string, match func(T) bool) T {
	t.Helper()
	limit := time.After(timeout)
	for {
		value, ok, added := j.take(match)
		if ok {
			return value
		}
		select {
		case <-added:
		case <-limit:
			t.Fatalf("%s: not within %v", what, timeout)
		}
	}
}

// rest returns the entries that the test has not taken.
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
