package daemon

import (
	"maps"
	"time"

	"github.com/l2tpvl/l2tpvl/session"
)

// limiter limits how often a peer can cause the same event: it allows notesPerMinute notes with one
// message about one link.
type limiter map[topic]*rateState

// topic is what a note is about. There are few topics: a handful of messages for the peer and for
// each link.
type topic struct {
	link    *session.Link
	message string
}

// rateState counts the notes about a topic.
type rateState struct {
	since   time.Time // start of the current minute
	allowed int       // notes in this minute
	leftOut int       // suppressed notes since the last allowed one
}

// notesPerMinute is above the rate that the daemon's own back-off causes for a link that fails, and
// low enough not to fill a disk.
const notesPerMinute = 20

// forget removes the counts of a link.
func (l limiter) forget(link *session.Link) {
	maps.DeleteFunc(l, func(about topic, _ *rateState) bool { return about.link == link })
}

// allow reports whether a note may be published, and how many notes about its topic were suppressed
// before it.
func (l limiter) allow(now time.Time, n session.Note) (allowed bool, leftOut int) {
	key := topic{n.Link, n.Message}
	t := l[key]
	if t == nil {
		t = &rateState{}
		l[key] = t
	}
	if now.Sub(t.since) >= time.Minute {
		t.since, t.allowed = now, 0
	}
	if t.allowed == notesPerMinute {
		t.leftOut++
		return false, 0
	}
	t.allowed++
	leftOut, t.leftOut = t.leftOut, 0
	return true, leftOut
}
