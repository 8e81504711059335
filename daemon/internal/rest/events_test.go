package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	eventlog "github.com/l2tpvl/l2tpvl/daemon/internal/events"
)

// eventBackend is a Backend that has events only.
type eventBackend struct {
	Backend
	log *eventlog.Log
}

func (b eventBackend) Events(ctx context.Context, seq uint64, from time.Time, follow bool) iter.Seq[[]api.Event] {
	return b.log.Events(ctx, seq, from, follow)
}

// serveEvents serves the events of a log on a Unix socket; change changes the server before that.
func serveEvents(t *testing.T, change func(*http.Server)) (log *eventlog.Log, socket string) {
	t.Helper()
	log, socket = eventlog.New(zap.NewNop(), time.Now()), shortPath(t)
	s, err := ListenUnix(t.Context(), socket, "", Handler(eventBackend{log: log}), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	change(&s.http)
	ended := make(chan error)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Close left the socket behind: %v", err)
		}
	})
	return log, socket
}

// shortPath returns a path for a socket, which has at most 107 octets.
func shortPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "s")
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A client that follows events receives each at once, for longer than other requests may take, and
// its stream ends with its context.
func TestFollowEvents(t *testing.T) {
	log, socket := serveEvents(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 20*time.Millisecond, 20*time.Millisecond })
	_, before, _ := log.After(0)
	log.Publish(api.Event{Kind: api.EventReloaded, Message: "first"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var received []string
	for x, err := range api.NewClient(socket).Events(ctx, api.EventQuery{After: before, Follow: true}) {
		if len(received) == 4 {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("at the end: %+v, %v", x, err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		received = append(received, x.Message)
		switch len(received) {
		case 1:
			// Not a guess: the stream must be silent for longer than the timeouts.
			time.Sleep(100 * time.Millisecond)
			log.Publish(api.Event{Kind: api.EventReloaded, Message: "second"})
		case 2:
			log.Publish(api.Event{Kind: api.EventReloaded, Message: "third"})
			log.Publish(api.Event{Kind: api.EventReloaded, Message: "fourth"})
		case 4:
			cancel()
		}
	}
	if want := []string{"first", "second", "third", "fourth"}; !slices.Equal(received, want) {
		t.Errorf("received %q, want %q", received, want)
	}
}

// The stream of events ends with the server.
func TestFollowEventsToTheEnd(t *testing.T) {
	var server *http.Server
	log, socket := serveEvents(t, func(s *http.Server) { server = s })
	log.Publish(api.Event{Kind: api.EventReloaded, Message: "first"})
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

// A client that requests a stream and does not read it is disconnected.
func TestSlowClientIsDisconnected(t *testing.T) {
	disconnected := make(chan struct{})
	endless := stream("/v1/endless", "Never ends", func(*http.Request) (iter.Seq[[]string], error) {
		return func(yield func([]string) bool) {
			defer close(disconnected)
			for text := strings.Repeat("x", 1<<16); yield([]string{text}); {
			}
		}, nil
	})
	_, socket := serveEvents(t, func(s *http.Server) {
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
	case <-disconnected:
	case <-time.After(time.Minute):
		t.Error("the client was not disconnected")
	}
}

// The parameters of the events: where they begin, and whether new events follow.
func TestEventsByHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlog.New(zap.NewNop(), time.UnixMicro(100))
		h := Handler(eventBackend{log: log})
		for range 5 { // from midnight on, when the bubble begins
			log.Publish(api.Event{Kind: api.EventLinkUp})
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
			var failure api.Error
			got := ""
			for line := range strings.Lines(w.Body.String()) {
				var x api.Event
				if err := errors.Join(json.Unmarshal([]byte(line), &x), json.Unmarshal([]byte(line), &failure)); err != nil {
					t.Fatal(err)
				}
				got += " " + strings.TrimPrefix(asJSON(t, x.Seq), " ")
			}
			if got = strings.TrimSpace(got); failure.Error != "" {
				got = failure.Error
			}
			if got != tt.want {
				t.Errorf("%s: %q, want %q", tt.query, got, tt.want)
			}
		}
	})
}
