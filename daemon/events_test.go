package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

// What is worth an event is logged and recorded by one call, with all that the log's line has.
func TestEventsAreLinesOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.WarnLevel) // the level of the log does not matter to events
		e := newEvents(time.Now())
		log := e.recorded(zap.New(core)).With(zap.String("peer", "pe2"), zap.String("ipsec", "required"))
		log.Info("path MTU", event(api.EventPathMTU), zap.Int("octets", 1500))
		log.Warn("link down", event(api.EventLinkDown), zap.String("vpn", "red"), zap.String("interface", "vl-red"), zap.String("reason", "no echo"))
		log.Warn("of no interest to programs")
		log.Debug("nor this", event(api.EventLinkUp))

		list, last, _ := e.after(0)
		start := uint64(time.Now().UnixMicro())
		want := []api.Event{
			{
				Seq: start + 1, Time: time.Now(), Kind: api.EventPathMTU, Level: api.EventInfo, Message: "path MTU", Peer: "pe2", IPsec: "required",
				Details: map[string]string{"octets": "1500"},
			},
			{
				Seq: start + 2, Time: time.Now(), Kind: api.EventLinkDown, Level: api.EventWarn, Message: "link down", Peer: "pe2", IPsec: "required",
				VPN: "red", Interface: "vl-red", Reason: "no echo",
			},
		}
		if got, want := asJSON(t, list), asJSON(t, want); got != want || last != start+2 {
			t.Errorf("got %s\nwant %s", got, want)
		}
		if logs.Len() != 2 {
			t.Errorf("the log has %d lines, want its own two", logs.Len())
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Only the last ones are kept, and whoever comes late sees by the numbers that some are gone.
func TestEventsAreBounded(t *testing.T) {
	e := newEvents(time.UnixMicro(1000))
	for range 3*keptEvents + 7 {
		e.add(api.Event{})
	}
	last := uint64(1000 + 3*keptEvents + 7)
	for _, tt := range []struct {
		after, first uint64 // first 0: none
	}{
		{0, last - keptEvents + 1},
		{1001, last - keptEvents + 1},
		{last - keptEvents, last - keptEvents + 1},
		{last - 3, last - 2},
		{last, 0},
		{last + 100, 0},
	} {
		list, got, news := e.after(tt.after)
		var first uint64
		for i, x := range list {
			if i == 0 {
				first = x.Seq
			}
			if x.Seq != first+uint64(i) {
				t.Fatalf("after %d: number %d at place %d of those from %d", tt.after, x.Seq, i, first)
			}
		}
		if first != tt.first || got != last || len(list) > 0 && list[len(list)-1].Seq != last || news == nil {
			t.Errorf("after %d: %d from %d up to %d, want from %d up to %d", tt.after, len(list), first, got, tt.first, last)
		}
	}
}

// Every kind that session and ipsec tell of is one of the API's.
func TestKindsOfNotesAreEvents(t *testing.T) {
	known := readSource(t, "api").values["EventKind"]
	notes := readSource(t, "../session").values["NoteKind"]
	if len(notes) == 0 {
		t.Error("session has no kinds of notes")
	}
	for _, kind := range notes {
		if !slices.Contains(known, kind) {
			t.Errorf("session.Note has the kind %q, and api.Event has not", kind)
		}
	}
}

// The life of a link, as those who follow the events see it.
func TestEventsOfALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		pass(5 * time.Second)
		a.isUp(t)
		a.routerGone(vr.Spec{NetNS: "red"})
		pass(10 * time.Second)
		a.isUp(t)
		b.stop()
		pass(time.Second)

		kinds := func(p *pe) (kinds []api.EventKind) {
			list, _, _ := p.events.after(0)
			for _, x := range list {
				if x.Time.IsZero() || x.Message == "" {
					t.Errorf("%+v", x)
				}
				kinds = append(kinds, x.Kind)
			}
			return kinds
		}
		want := []api.EventKind{
			api.EventPathMTU, api.EventConnectionUp, api.EventLinkUp,
			api.EventRouterGone, api.EventLinkDown, api.EventLinkUp,
			api.EventLinkDown, api.EventConnectionFailed,
		}
		if got := kinds(a); !slices.Equal(got, want) {
			t.Errorf("pe1 tells of %q\nwant %q", got, want)
		}
		if got := kinds(b); !slices.Contains(got, api.EventStopping) || !slices.Contains(got, api.EventConnectionDown) {
			t.Errorf("pe2 tells of %q", got)
		}
	})
}

// A peer that makes us repeat ourselves does not fill the ring either.
func TestEventsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		for range 1000 {
			a.loops()[0].note(time.Now(), session.Note{Kind: session.CallRefused, Message: "call of the peer refused"})
		}
		if list, _, _ := a.events.after(0); len(list) != notesPerMinute {
			t.Errorf("%d events, want %d", len(list), notesPerMinute)
		}
	})
}

// Who follows events is told of each at once, for longer than a request may take; and is gone
// without a trace in the end.
func TestFollowEvents(t *testing.T) {
	p, socket := serveWith(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 20*time.Millisecond, 20*time.Millisecond })
	_, before, _ := p.events.after(0)
	p.log.Info("first", event(api.EventReloaded))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var heard []string
	for x, err := range api.NewClient(socket).Events(ctx, api.EventQuery{After: before, Follow: true}) {
		if len(heard) == 4 {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("in the end %+v, %v", x, err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, x.Message)
		switch len(heard) {
		case 1:
			time.Sleep(100 * time.Millisecond) // no guess: to be silent for longer than the time-outs is the test
			p.log.Info("second", event(api.EventReloaded))
		case 2:
			p.log.Info("third", event(api.EventReloaded))
			p.log.Info("fourth", event(api.EventReloaded))
		case 4:
			cancel()
		}
	}
	if want := []string{"first", "second", "third", "fourth"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// A follower's stream ends with the daemon.
func TestFollowEventsToTheEnd(t *testing.T) {
	var server *http.Server
	p, socket := serveWith(t, func(s *http.Server) { server = s })
	p.log.Info("first", event(api.EventReloaded))
	n := 0
	var last error
	for _, err := range api.NewClient(socket).Events(t.Context(), api.EventQuery{Follow: true}) {
		if n++; n == 1 {
			server.Close()
		}
		last = err
	}
	if _, gone := errors.AsType[*api.NotReachableError](last); !gone {
		t.Errorf("after %d events: %v", n, last)
	}
}

// Who asks for a stream and does not read is dropped.
func TestSlowClientIsDropped(t *testing.T) {
	dropped := make(chan struct{})
	endless := stream("/v1/endless", "Never ends", func(*http.Request) (iter.Seq[[]string], error) {
		return func(yield func([]string) bool) {
			defer close(dropped)
			for text := strings.Repeat("x", 1<<16); yield([]string{text}); {
			}
		}, nil
	})
	_, socket := serveWith(t, func(s *http.Server) {
		s.Handler, s.WriteTimeout = handler([]route{endless}), 20*time.Millisecond
	})
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/endless HTTP/1.1\r\nHost: l2tpvld\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-dropped:
	case <-time.After(time.Minute):
		t.Error("the client was not dropped")
	}
}

func TestEventsByHTTP(t *testing.T) {
	p, _ := serve(t)
	p.events.mu.Lock()
	p.events.kept, p.events.base, p.events.last = nil, 100, 100
	p.events.mu.Unlock()
	h := handler(p.routes())
	noon := time.Date(2026, 7, 29, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		p.events.add(api.Event{Time: noon.Add(time.Duration(i) * time.Minute), Kind: api.EventLinkUp})
	}
	for _, tt := range []struct {
		query string
		want  string // sequence numbers, or what is wrong
	}{
		{"", "101 102 103 104 105"},
		{"?since=103", "104 105"},
		{"?since=105", ""},
		{"?since=9000", ""},
		{"?since=2026-07-29T12:03:00Z", "104 105"},
		{"?since=2026-07-29T14:03:00%2B02:00", "104 105"},
		{"?follow=false", "101 102 103 104 105"},
		{"?since=yesterday", `since is "yesterday"; want the number of an event, or a time such as 2026-07-29T14:02:11Z`},
		{"?follow=maybe", `follow is "maybe"; want true or false`},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/events"+tt.query, nil))
		var said api.Error
		got := ""
		for line := range strings.Lines(w.Body.String()) {
			var x api.Event
			if err := errors.Join(json.Unmarshal([]byte(line), &x), json.Unmarshal([]byte(line), &said)); err != nil {
				t.Fatal(err)
			}
			got += " " + strings.TrimPrefix(asJSON(t, x.Seq), " ")
		}
		if got = strings.TrimSpace(got); said.Error != "" {
			got = said.Error
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.query, got, tt.want)
		}
	}
}
