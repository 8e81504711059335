package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

var pastEvents = []api.Event{
	{Seq: 101, Time: at(28, 23, 59, 59), Kind: api.EventStarting, Level: api.EventInfo, Message: "starting", Details: map[string]string{"version": "v0.3.0", "peers": "2"}},
	{Seq: 102, Time: at(29, 0, 0, 1), Kind: api.EventConnectionUp, Level: api.EventInfo, Message: "control connection established", Peer: "pe2"},
	{Seq: 103, Time: at(29, 0, 0, 1.5), Kind: api.EventLinkUp, Level: api.EventInfo, Message: "link up", VPN: "red", Peer: "pe2", Interface: "vl-red-pe2"},
	{
		Seq: 104, Time: at(29, 14, 2, 11), Kind: api.EventCallRefused, Level: api.EventWarn, Message: "session request of peer refused", Peer: "pe2",
		Reason: `VPN-ID 00005e:00000009 is not configured for peer "pe2"`, Details: map[string]string{"left_out": "12"},
	},
	{
		Seq: 105, Time: at(29, 14, 2, 12), Kind: api.EventLinkDown, Level: api.EventWarn, Message: "link down", VPN: "red", Peer: "pe2", Interface: "vl-red-pe2",
		Reason: "ended by pe2: \x1b[2J (CDN result 3)",
	},
	{Seq: 106, Time: at(29, 14, 2, 13), Kind: "api-ended", Level: api.EventError, Message: "the API has ended", Reason: "accept: too many open files"},
}

func TestRenderEvents(t *testing.T) {
	for name, s := range map[string]style{"events": inUTF8, "events-terminal": onTerminal, "events-wide": {utf8: true, wide: true}} {
		var b strings.Builder
		for _, e := range pastEvents {
			b.WriteString(renderEvent(e, now, s) + "\n")
		}
		compareGolden(t, name, b.String())
	}
}

func TestParseSince(t *testing.T) {
	for text, want := range map[string]api.EventQuery{
		"":                     {},
		"1790172131000042":     {After: 1790172131000042},
		"10m":                  {Since: now.Add(-10 * time.Minute)},
		"2026-07-29T14:00:00Z": {Since: at(29, 14, 0, 0)},
		"2026-07-29 14:00":     {Since: at(29, 14, 0, 0)},
		"2026-07-29":           {Since: at(29, 0, 0, 0)},
		"14:00":                {Since: at(29, 14, 0, 0)},
		"00:30:15":             {Since: at(29, 0, 30, 15)},
	} {
		got, err := parseSince(text, now)
		if err != nil || got.After != want.After || !got.Since.Equal(want.Since) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-10m", "25:00"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%q is parsed as %+v", text, got)
		}
	}
}

// serveEvents answers a request for past events with past, and each request to follow events with
// the next batch of new events, after which the stream ends.
func serveEvents(t *testing.T, past []api.Event, batches ...[]api.Event) (socket string) {
	t.Helper()
	var mu sync.Mutex
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathStatus, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	mux.HandleFunc("GET "+api.PathEvents, func(w http.ResponseWriter, r *http.Request) {
		list := past
		if r.FormValue("follow") == "true" {
			mu.Lock()
			defer mu.Unlock()
			if len(batches) == 0 {
				<-r.Context().Done()
				return
			}
			list, batches = batches[0], batches[1:]
		}
		for _, e := range list {
			if err := json.NewEncoder(w).Encode(e); err != nil {
				t.Error(err)
			}
		}
	})
	return listen(t, mux)
}

func TestRunEvents(t *testing.T) {
	socket := serveEvents(t, pastEvents)
	all := renderAll(pastEvents)
	for _, tt := range []struct{ args, want string }{
		{"events", all},
		{"events --last 2", renderAll(pastEvents[4:])},
		{"events --vpn red", renderAll([]api.Event{pastEvents[2], pastEvents[4]})},
		{"events --peer pe2 -n 1", renderAll(pastEvents[4:5])},
		{"events --kind link-up --kind starting", renderAll([]api.Event{pastEvents[0], pastEvents[2]})},
		{"events --kind link-up -o yaml", "---\nseq: 103\ntime: \"2026-07-29T00:00:01.5Z\"\nkind: link-up\nlevel: info\nmessage: link up\nvpn: red\npeer: pe2\ninterface: vl-red-pe2\n"},
		{"events --kind link-up --kind call-refused -o json", jsonLine(t, pastEvents[2]) + jsonLine(t, pastEvents[3])},
	} {
		got := runWith(map[string]string{"L2TPVL_SOCKET": socket, "LANG": "C.UTF-8"}, strings.Fields(tt.args)...)
		if got.code != exitOK || got.stderr != "" || got.stdout != tt.want {
			t.Errorf("%s: exit status %d, stderr %q, stdout\n%s\nwant\n%s", tt.args, got.code, got.stderr, got.stdout, tt.want)
		}
	}
}

func renderAll(events []api.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(renderEvent(e, now, inUTF8) + "\n")
	}
	return b.String()
}

func jsonLine(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// --follow shows new events, reports missing ones, and continues when the daemon has restarted.
func TestFollowEvents(t *testing.T) {
	restarted := api.Event{Seq: 9001, Time: now, Kind: api.EventStarting, Message: "starting"}
	socket := serveEvents(t, pastEvents[:2], []api.Event{pastEvents[2], pastEvents[5]}, []api.Event{restarted})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr strings.Builder
	env := environment{
		stdout: writerFunc(func(p []byte) (int, error) {
			stdout.Write(p)
			if strings.Contains(string(p), "starting") && stdout.Len() > len(renderAll(pastEvents[:2])) {
				cancel() // as Ctrl-C does
			}
			return len(p), nil
		}),
		stderr: &stderr,
		getenv: func(key string) string { return map[string]string{"L2TPVL_SOCKET": socket, "LANG": "C.UTF-8"}[key] },
		now:    func() time.Time { return now },
	}
	if code := runIn(ctx, []string{"events", "--follow"}, env); code != exitOK {
		t.Errorf("exit status %d, stderr %q", code, stderr.String())
	}
	if want := renderAll(pastEvents[:3]) + renderAll(pastEvents[5:]) + renderAll([]api.Event{restarted}); stdout.String() != want {
		t.Errorf("stdout\n%s\nwant\n%s", stdout.String(), want)
	}
	const want = "l2tpvl-ctl: 2 events missing: too many at once\nl2tpvl-ctl: connection to l2tpvld lost; waiting for l2tpvld\n"
	if stderr.String() != want {
		t.Errorf("stderr\n%s\nwant\n%s", stderr.String(), want)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
