package daemon

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/session"
)

// The limiter allows notesPerMinute notes of each message about each link, and reports the number
// of suppressed notes with the next one.
func TestLimiter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := make(limiter)
	flood := func(n session.Note, times int) (allowed, leftOut int) {
		for range times {
			ok, out := l.allow(now, n)
			if ok {
				allowed++
			}
			leftOut += out
		}
		return allowed, leftOut
	}
	refused := session.Note{Message: "session request of peer refused", Reason: "no VPN"}
	if allowed, out := flood(refused, 1000); allowed != notesPerMinute || out != 0 {
		t.Errorf("allowed %d, left out %d", allowed, out)
	}
	if allowed, _ := flood(session.Note{Message: "link up", Link: &session.Link{}}, 1); allowed != 1 {
		t.Error("one message suppresses another")
	}
	now = now.Add(59 * time.Second)
	if allowed, _ := flood(refused, 1); allowed != 0 {
		t.Error("a note was allowed before the minute ended")
	}
	now = now.Add(time.Second)
	if allowed, out := flood(refused, 2); allowed != 2 || out != 1000-notesPerMinute+1 {
		t.Errorf("in the next minute: allowed %d, left out %d", allowed, out)
	}
	if len(l) != 2 {
		t.Errorf("%d topics, want 2", len(l))
	}
}
