package daemon

import (
	"maps"
	"time"

	"github.com/l2tpvl/l2tpvl/session"
)

// limiter keeps a peer from filling the log: of one message about one link it lets through so many
// in a minute.
type limiter map[topic]*talk

// topic is what a note is about. There are few: a handful of messages for the peer and for each
// link.
type topic struct {
	link    *session.Link
	message string
}

// talk is what was said about a topic.
type talk struct {
	since   time.Time // beginning of its minute
	said    int       // in that minute
	leftOut int       // since the last that was said
}

// notesPerMinute is above what our own back-off makes of a link that fails, and below what fills a
// disk.
const notesPerMinute = 20

// forget lets go of what was said about a link.
func (l limiter) forget(link *session.Link) {
	maps.DeleteFunc(l, func(about topic, _ *talk) bool { return about.link == link })
}

// allow reports whether a note may be written, and how many of its kind were left out before it.
func (l limiter) allow(now time.Time, n session.Note) (allowed bool, leftOut int) {
	key := topic{n.Link, n.Message}
	t := l[key]
	if t == nil {
		t = &talk{}
		l[key] = t
	}
	if now.Sub(t.since) >= time.Minute {
		t.since, t.said = now, 0
	}
	if t.said == notesPerMinute {
		t.leftOut++
		return false, 0
	}
	t.said++
	leftOut, t.leftOut = t.leftOut, 0
	return true, leftOut
}
