package daemon

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// notifications records the states that a supervisor receives.
type notifications struct {
	mu     sync.Mutex
	states []string
}

func (s *notifications) notify(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, state)
}

// take returns the states since the last call.
func (s *notifications) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := s.states
	s.states = nil
	return states
}

// The supervisor is notified when the daemon is ready, then of its status, three times within the
// watchdog's time, and at last that it stops. While a loop is blocked, no notification is sent.
func TestNotifySupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		var received notifications
		a.supervisor = Supervisor{Notify: received.notify, Watchdog: 30 * time.Second}
		a.start(t)
		synctest.Wait()
		wantStates := func(want ...string) {
			t.Helper()
			if got := received.take(); !slices.Equal(got, want) {
				t.Errorf("received %q, want %q", got, want)
			}
		}
		wantStates("READY=1\nWATCHDOG=1\nSTATUS=0 of 2 links up")
		b.start(t)
		pass(9 * time.Second)
		wantStates()
		pass(time.Second)
		wantStates("WATCHDOG=1\nSTATUS=2 of 2 links up")

		release := make(chan struct{})
		a.loops()[0].post(func(time.Time) { <-release })
		pass(time.Minute)
		wantStates()
		close(release) // by then the peer has given up the links
		pass(10 * time.Second)
		wantStates("WATCHDOG=1\nSTATUS=0 of 2 links up", "WATCHDOG=1\nSTATUS=2 of 2 links up")

		a.stop()
		synctest.Wait()
		wantStates("STOPPING=1")
	})
}

// Without a supervisor no loop is asked.
func TestNoSupervisor(t *testing.T) {
	_, a, _ := twoPEs("blue")
	a.notifySupervisor(t.Context(), Supervisor{}) // returns at once
}
