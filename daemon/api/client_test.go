package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// serve listens on a new Unix socket. Its path is short: a socket's path has at most 107 octets.
func serve(t *testing.T, handler http.Handler) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // it ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
		os.RemoveAll(dir)
	})
	return socket
}

func TestClientRequestsEachPath(t *testing.T) {
	since := time.Date(2026, 7, 29, 14, 2, 11, 0, time.UTC)
	links := []Link{{VPN: "red", Peer: "pe2", State: LinkUp, Since: since}}
	peers := []Peer{{Name: "pe2", State: "established", Since: since}}
	sessions := []Session{{VPN: "red", Counters: Counters{RxPackets: 7}}}
	status := Status{Version: "v1", Started: since, Drops: map[string]uint64{"digest": 1}}
	explained := Explanation{Link: links[0], Now: since, Steps: []Step{{"session", MarkOK, "fine"}}}

	answers := map[string]any{
		"/v1/links":    links,
		"/v1/peers":    peers,
		"/v1/sessions": sessions,
		"/v1/status":   status,
		// A name is escaped: it stays one element of the path.
		"/v1/explain/a%2Fb%3F%20c/pe%252": explained,
	}
	client := NewClient(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.EscapedPath()]
		if !known || r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL.EscapedPath())
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	})))

	ctx := t.Context()
	for name, request := range map[string]func() (got any, want any, err error){
		"links":    func() (any, any, error) { got, err := client.Links(ctx); return got, links, err },
		"peers":    func() (any, any, error) { got, err := client.Peers(ctx); return got, peers, err },
		"sessions": func() (any, any, error) { got, err := client.Sessions(ctx); return got, sessions, err },
		"status":   func() (any, any, error) { got, err := client.Status(ctx); return got, status, err },
		"explain": func() (any, any, error) {
			got, err := client.Explain(ctx, "a/b? c", "pe%2")
			return got, explained, err
		},
	} {
		got, want, err := request()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestClientStatusError(t *testing.T) {
	for _, test := range []struct {
		name string
		code int
		body string
		want string
	}{
		{"the daemon's message", 404, `{"error": "unknown VPN \"gren\""}`, `unknown VPN "gren"`},
		{"not JSON", 502, "<html>", "l2tpvld answered /v1/links with 502 Bad Gateway"},
		{"other JSON", 500, `{"fault": 1}`, "l2tpvld answered /v1/links with 500 Internal Server Error"},
		{"empty", 403, "", "l2tpvld answered /v1/links with 403 Forbidden"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := NewClient(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.code)
				_, _ = w.Write([]byte(test.body))
			})))
			_, err := client.Links(t.Context())
			status, ok := errors.AsType[*StatusError](err)
			if !ok || status.Code != test.code || status.Message != test.want || err.Error() != test.want {
				t.Errorf("got %#v, want %d and %q", err, test.code, test.want)
			}
		})
	}
}

// A request has a JSON body, and each mistake in the answer is on a line of its own.
func TestClientPosts(t *testing.T) {
	client := NewClient(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got []int
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v %v, %v", r.Method, got, r.Header, err)
		}
		if len(got) == 2 {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		_, _ = w.Write([]byte(map[int]string{1: `"one"`, 2: `{"error": "mistakes:", "details": ["1", "2"]}`}[len(got)]))
	})))
	if got, err := post[string](t.Context(), client, "/v1/count", []int{7}); err != nil || got != "one" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err := post[string](t.Context(), client, "/v1/count", []int{1, 2})
	if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != 422 || err.Error() != "mistakes:\n  1\n  2" {
		t.Errorf("got %v", err)
	}
}

func TestClientNotReachable(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // as if the daemon was killed
	listener.Close()

	for socket, want := range map[string]string{
		"/nowhere/s": "cannot reach l2tpvld at /nowhere/s: connect: no such file or directory; " +
			"is l2tpvld running and using this socket?",
		stale: "cannot reach l2tpvld at " + stale + ": connect: connection refused; " +
			"is l2tpvld running and using this socket?",
	} {
		_, err := NewClient(socket).Links(t.Context())
		absent, ok := errors.AsType[*NotReachableError](err)
		if !ok || absent.Socket != socket || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNotReachableErrorWithoutPermission(t *testing.T) {
	denied := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", os.ErrPermission)}
	err := &NotReachableError{Socket: "/run/s", Err: denied}
	const want = "cannot reach l2tpvld at /run/s: connect: permission denied; only root and the group " +
		"in l2tpvld's api.group may open it; try sudo"
	if got := err.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClientSilentDaemon(t *testing.T) {
	over := make(chan struct{})
	socket := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(func() { close(over) })
	client := NewClient(socket)
	client.http.Timeout = time.Millisecond // instead of requestTimeout
	_, err := client.Links(t.Context())
	want := "cannot reach l2tpvld at " + socket + ": no answer in time; is l2tpvld running and using this socket?"
	if _, ok := errors.AsType[*NotReachableError](err); !ok || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// If the caller's context is canceled, the error wraps context.Canceled.
func TestClientCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewClient("/nowhere/s").Links(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled in it", err)
	}
}

func TestClientOtherProgramAtSocket(t *testing.T) {
	socket := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("hello"))
	}))
	_, err := NewClient(socket).Links(t.Context())
	want := "unexpected answer of l2tpvld at " + socket + " to /v1/links: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s...", err, want)
	}
}
