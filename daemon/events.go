package daemon

import (
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// eventKey is the key of the log that makes a line an event.
const eventKey = "event"

// event makes a line of the log an event, which the API tells of too.
func event(kind api.EventKind) zap.Field { return zap.String(eventKey, string(kind)) }

// keptEvents is how many events are kept.
const keptEvents = 4096

// events are the last ones. Who follows them reads them here, at their own pace, so nobody waits
// for them; one who is too slow finds that some are gone.
type events struct {
	mu   sync.Mutex
	base uint64        // the number before that of the first one ever
	last uint64        // the number of the last one
	kept []api.Event   // the last keptEvents, in a ring
	news chan struct{} // closed with the next event; nil: nobody waits for it
}

// newEvents numbers events from the time of the start, in microseconds: no daemon has a number that
// one before it had.
func newEvents(start time.Time) *events {
	base := uint64(max(0, start.UnixMicro()))
	return &events{base: base, last: base}
}

func (e *events) add(x api.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	x.Seq = e.last
	if len(e.kept) < keptEvents {
		e.kept = append(e.kept, x)
	} else {
		e.kept[e.slot(x.Seq)] = x
	}
	if e.news != nil {
		close(e.news)
		e.news = nil
	}
}

// slot is where the event of that number is.
func (e *events) slot(seq uint64) int { return int((seq - e.base - 1) % keptEvents) }

// after returns the events that are kept of those after number seq, the number of the last one
// there is, and a channel that is closed when there is another.
func (e *events) after(seq uint64) (list []api.Event, last uint64, news <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first := max(seq+1, e.last-uint64(len(e.kept))+1)
	for n := first; n <= e.last; n++ {
		list = append(list, e.kept[e.slot(n)])
	}
	if e.news == nil {
		e.news = make(chan struct{})
	}
	return list, e.last, e.news
}

// recorded is a log that has its events recorded here, whatever its own level is.
func (e *events) recorded(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewTee(c, &recorder{LevelEnabler: zapcore.InfoLevel, events: e})
	}))
}

// recorder is a zapcore.Core that takes lines with an eventKey for events.
type recorder struct {
	zapcore.LevelEnabler
	events *events
	with   []zapcore.Field
}

func (r *recorder) With(fields []zapcore.Field) zapcore.Core {
	return &recorder{r.LevelEnabler, r.events, append(r.with[:len(r.with):len(r.with)], fields...)}
}

func (r *recorder) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if r.Enabled(entry.Level) {
		return checked.AddCore(entry, r)
	}
	return checked
}

func (r *recorder) Sync() error { return nil }

func (r *recorder) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	told := zapcore.NewMapObjectEncoder()
	for _, f := range append(r.with[:len(r.with):len(r.with)], fields...) {
		f.AddTo(told)
	}
	take := func(key string) string {
		value, there := told.Fields[key]
		if !there {
			return ""
		}
		delete(told.Fields, key)
		return fmt.Sprint(value)
	}
	kind := take(eventKey)
	if kind == "" {
		return nil
	}
	x := api.Event{
		Time: entry.Time, Kind: api.EventKind(kind), Level: api.EventLevel(entry.Level.String()), Message: entry.Message,
		VPN: take("vpn"), Peer: take("peer"), Interface: take("interface"), IPsec: take("ipsec"), Reason: take("reason"),
	}
	for key := range told.Fields {
		if x.Details == nil {
			x.Details = make(map[string]string)
		}
		x.Details[key] = take(key)
	}
	r.events.add(x)
	return nil
}

// followEvents answers with events: those that are kept, and if the client wishes those to come.
func (d *Daemon) followEvents(r *http.Request) (iter.Seq[[]api.Event], error) {
	query := r.URL.Query()
	since, err := parseSince(query.Get("since"))
	if err != nil {
		return nil, err
	}
	follow := false
	if text := query.Get("follow"); text != "" {
		if follow, err = strconv.ParseBool(text); err != nil {
			return nil, refused(http.StatusBadRequest, "follow is %q; want true or false", text)
		}
	}
	return func(yield func([]api.Event) bool) {
		list, seq, news := d.events.after(since.seq)
		for len(list) > 0 && list[0].Time.Before(since.time) {
			list = list[1:]
		}
		for yield(list) && follow {
			select {
			case <-news:
			case <-r.Context().Done():
				return
			}
			list, seq, news = d.events.after(seq)
		}
	}, nil
}

// sinceWhen is where events are to begin: after a sequence number, or at a time.
type sinceWhen struct {
	seq  uint64
	time time.Time
}

func parseSince(text string) (since sinceWhen, err error) {
	if text == "" {
		return since, nil
	}
	if since.seq, err = strconv.ParseUint(text, 10, 64); err == nil {
		return since, nil
	}
	if since.time, err = time.Parse(time.RFC3339, text); err != nil {
		return since, refused(http.StatusBadRequest, "since is %q; want the number of an event, or a time such as 2026-07-29T14:02:11Z", text)
	}
	return since, nil
}
