package daemon

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/session"
)

// Of each message about each link so many are let through in a minute; what was left out is told
// with the next.
func TestLimiter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := make(limiter)
	flood := func(n session.Note, times int) (let, leftOut int) {
		for range times {
			ok, out := l.allow(now, n)
			if ok {
				let++
			}
			leftOut += out
		}
		return let, leftOut
	}
	refused := session.Note{Message: "session request of peer refused", Reason: "no VPN"}
	if let, out := flood(refused, 1000); let != notesPerMinute || out != 0 {
		t.Errorf("let through %d, left out %d", let, out)
	}
	if let, _ := flood(session.Note{Message: "link up", Link: &session.Link{}}, 1); let != 1 {
		t.Error("one message keeps another from being told")
	}
	now = now.Add(59 * time.Second)
	if let, _ := flood(refused, 1); let != 0 {
		t.Error("the minute is not over")
	}
	now = now.Add(time.Second)
	if let, out := flood(refused, 2); let != 2 || out != 1000-notesPerMinute+1 {
		t.Errorf("in the next minute: let through %d, told of %d left out", let, out)
	}
	if len(l) != 2 {
		t.Errorf("%d topics, want 2", len(l))
	}
}
