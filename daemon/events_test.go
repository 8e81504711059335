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

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/events"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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
			list, _, _ := p.events.After(0)
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
			a.loops()[0].note(time.Now(), session.Note{Kind: session.CallRefused, Message: "session request of peer refused"})
		}
		if list, _, _ := a.events.After(0); len(list) != notesPerMinute {
			t.Errorf("%d events, want %d", len(list), notesPerMinute)
		}
	})
}

// Who follows events is told of each at once, for longer than a request may take; and is gone
// without a trace in the end.
func TestFollowEvents(t *testing.T) {
	p, socket := serveWith(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 20*time.Millisecond, 20*time.Millisecond })
	_, before, _ := p.events.After(0)
	p.events.Publish(api.Event{Kind: api.EventReloaded, Message: "first"})
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
			p.events.Publish(api.Event{Kind: api.EventReloaded, Message: "second"})
		case 2:
			p.events.Publish(api.Event{Kind: api.EventReloaded, Message: "third"})
			p.events.Publish(api.Event{Kind: api.EventReloaded, Message: "fourth"})
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
	p.events.Publish(api.Event{Kind: api.EventReloaded, Message: "first"})
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

// The parameters of the events: where they begin, and whether new events follow.
func TestEventsByHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, _ := twoPEs("red")
		p.events = events.New(zap.NewNop(), time.UnixMicro(100))
		h := handler(p.routes())
		for range 5 { // from midnight on, when the bubble begins
			p.events.Publish(api.Event{Kind: api.EventLinkUp})
			time.Sleep(time.Minute)
		}
		for _, tt := range []struct {
			query string
			want  string // sequence numbers, or the error
		}{
			{"", "101 102 103 104 105"},
			{"?since=103", "104 105"},
			{"?since=105", ""},
			{"?since=9000", ""},
			{"?since=2000-01-01T00:03:00Z", "104 105"},
			{"?since=2000-01-01T02:03:00%2B02:00", "104 105"},
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
	})
}
