package daemon

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// told takes what a supervisor hears.
type told struct {
	mu     sync.Mutex
	states []string
}

func (s *told) notify(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, state)
}

// take returns what was heard since the last call.
func (s *told) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := s.states
	s.states = nil
	return states
}

// The supervisor hears when the daemon is ready, then how it is, three times as often as it asks
// for, and at last that it ends. While a loop is stuck it hears nothing.
func TestSupervisorHearsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		var heard told
		a.supervisor = Supervisor{Notify: heard.notify, Watchdog: 30 * time.Second}
		a.start(t)
		synctest.Wait()
		hear := func(want ...string) {
			t.Helper()
			if got := heard.take(); !slices.Equal(got, want) {
				t.Errorf("heard %q, want %q", got, want)
			}
		}
		hear("READY=1\nWATCHDOG=1\nSTATUS=0 of 2 links up")
		b.start(t)
		pass(9 * time.Second)
		hear()
		pass(time.Second)
		hear("WATCHDOG=1\nSTATUS=2 of 2 links up")

		release := make(chan struct{})
		a.loops()[0].post(func(time.Time) { <-release })
		pass(time.Minute)
		hear()
		close(release) // the peer has given the links up by then
		pass(10 * time.Second)
		hear("WATCHDOG=1\nSTATUS=0 of 2 links up", "WATCHDOG=1\nSTATUS=2 of 2 links up")

		a.stop()
		synctest.Wait()
		hear("STOPPING=1")
	})
}

// Nobody is told, and nothing is asked, without a supervisor.
func TestNoSupervisor(t *testing.T) {
	_, a, _ := twoPEs("blue")
	a.notifySupervisor(t.Context(), Supervisor{}) // returns at once
}
