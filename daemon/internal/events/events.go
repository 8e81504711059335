// Package events publishes what happens in the daemon: each event is one line of the log, and is
// kept for clients of the API.
//
// A Log keeps the last events in a ring. Clients read from the ring at their own pace, so
// publishing never waits for them; a client that is too slow finds a gap in the sequence numbers.
// Lines of the log that are of no interest to programs are written to the zap.Logger directly and
// are no events.
package events

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// kept is how many events are kept.
const kept = 4096

// Log logs events and keeps the last ones. It is safe for concurrent use.
type Log struct {
	log *zap.Logger

	mu   sync.Mutex
	base uint64        // the sequence number before the first event
	last uint64        // the sequence number of the last event
	ring []api.Event   // the last events, at most kept
	news chan struct{} // closed with the next event; nil: no client waits for it
}

// New returns a Log that writes to log. It numbers events from the time of the start in
// microseconds, so that its numbers are higher than those of an earlier daemon.
func New(log *zap.Logger, start time.Time) *Log {
	base := uint64(max(0, start.UnixMicro()))
	return &Log{log: log, base: base, last: base}
}

// Publish logs an event and keeps it for clients, whatever the level of the log is. It sets the
// sequence number, the time, and the level if that is empty. Details are further fields of the line
// of the log; in the event they are text.
func (l *Log) Publish(x api.Event, details ...zap.Field) {
	x.Time = time.Now()
	if x.Level == "" {
		x.Level = api.EventInfo
	}
	if len(details) > 0 {
		x.Details = texts(details)
	}
	l.keep(x)
	level, err := zapcore.ParseLevel(string(x.Level))
	if err != nil {
		level = zapcore.InfoLevel
	}
	if line := l.log.Check(level, x.Message); line != nil {
		line.Write(append(fields(x), details...)...)
	}
}

// fields returns the fields of an event's line in the log, without its details.
func fields(x api.Event) []zap.Field {
	var set []zap.Field
	for _, f := range []struct{ key, value string }{
		{"peer", x.Peer},
		{"ipsec", x.IPsec},
		{"event", string(x.Kind)},
		{"vpn", x.VPN},
		{"interface", x.Interface},
		{"reason", x.Reason},
	} {
		if f.value != "" {
			set = append(set, zap.String(f.key, f.value))
		}
	}
	return set
}

// texts returns the values of fields as text, by key.
func texts(fields []zap.Field) map[string]string {
	encoder := zapcore.NewMapObjectEncoder()
	all := make(map[string]string)
	for _, f := range fields {
		f.AddTo(encoder)
		all[f.Key] = fmt.Sprint(encoder.Fields[f.Key])
	}
	return all
}

func (l *Log) keep(x api.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	x.Seq = l.last
	if len(l.ring) < kept {
		l.ring = append(l.ring, x)
	} else {
		l.ring[l.slot(x.Seq)] = x
	}
	if l.news != nil {
		close(l.news)
		l.news = nil
	}
}

// slot returns the place of an event in the ring.
func (l *Log) slot(seq uint64) int { return int((seq - l.base - 1) % kept) }

// After returns the kept events with sequence numbers above seq, the sequence number of the last
// event, and a channel that is closed with the next event.
func (l *Log) After(seq uint64) (list []api.Event, last uint64, news <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := max(seq+1, l.last-uint64(len(l.ring))+1)
	for n := first; n <= l.last; n++ {
		list = append(list, l.ring[l.slot(n)])
	}
	if l.news == nil {
		l.news = make(chan struct{})
	}
	return list, l.last, l.news
}

// Events returns the kept events after sequence number seq and from that time on, in batches. With
// follow it goes on with new events until ctx is done.
func (l *Log) Events(ctx context.Context, seq uint64, from time.Time, follow bool) iter.Seq[[]api.Event] {
	return func(yield func([]api.Event) bool) {
		list, last, news := l.After(seq)
		for len(list) > 0 && list[0].Time.Before(from) {
			list = list[1:]
		}
		for yield(list) && follow {
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
			list, last, news = l.After(last)
		}
	}
}
