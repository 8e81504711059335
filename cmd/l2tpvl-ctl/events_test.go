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

var happened = []api.Event{
	{Seq: 101, Time: at(28, 23, 59, 59), Kind: api.EventStarting, Level: api.EventInfo, Message: "starting", Details: map[string]string{"version": "v0.3.0", "peers": "2"}},
	{Seq: 102, Time: at(29, 0, 0, 1), Kind: api.EventConnectionUp, Level: api.EventInfo, Message: "control connection established", Peer: "pe2"},
	{Seq: 103, Time: at(29, 0, 0, 1.5), Kind: api.EventLinkUp, Level: api.EventInfo, Message: "link up", VPN: "red", Peer: "pe2", Interface: "vl-red-pe2"},
	{
		Seq: 104, Time: at(29, 14, 2, 11), Kind: api.EventCallRefused, Level: api.EventWarn, Message: "call of the peer refused", Peer: "pe2",
		Reason: `no VPN 00005e:00000009 here for "pe2"`, Details: map[string]string{"left_out": "12"},
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
		for _, e := range happened {
			b.WriteString(renderEvent(e, now, s) + "\n")
		}
		compareGolden(t, name, b.String())
	}
}

func TestParseSince(t *testing.T) {
	for text, want := range map[string]api.EventsWanted{
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
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

// serveEvents answers a request for events with those that there are, and one to follow them with
// each batch of those that come, after which the stream ends as that of a daemon does.
func serveEvents(t *testing.T, there []api.Event, coming ...[]api.Event) (socket string) {
	t.Helper()
	var mu sync.Mutex
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathStatus, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	mux.HandleFunc("GET "+api.PathEvents, func(w http.ResponseWriter, r *http.Request) {
		list := there
		if r.FormValue("follow") == "true" {
			mu.Lock()
			defer mu.Unlock()
			if len(coming) == 0 {
				<-r.Context().Done()
				return
			}
			list, coming = coming[0], coming[1:]
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
	socket := serveEvents(t, happened)
	all := renderAll(happened)
	for _, tt := range []struct{ args, want string }{
		{"events", all},
		{"events --last 2", renderAll(happened[4:])},
		{"events --vpn red", renderAll([]api.Event{happened[2], happened[4]})},
		{"events --peer pe2 -n 1", renderAll(happened[4:5])},
		{"events --kind link-up --kind starting", renderAll([]api.Event{happened[0], happened[2]})},
		{"events --kind link-up -o yaml", "---\nseq: 103\ntime: \"2026-07-29T00:00:01.5Z\"\nkind: link-up\nlevel: info\nmessage: link up\nvpn: red\npeer: pe2\ninterface: vl-red-pe2\n"},
		{"events --kind link-up --kind call-refused -o json", jsonLine(t, happened[2]) + jsonLine(t, happened[3])},
	} {
		got := runWith(map[string]string{"L2TPVL_SOCKET": socket, "LANG": "C.UTF-8"}, strings.Fields(tt.args)...)
		if got.code != exitFine || got.stderr != "" || got.stdout != tt.want {
			t.Errorf("%s: exit code %d, stderr %q, stdout\n%s\nwant\n%s", tt.args, got.code, got.stderr, got.stdout, tt.want)
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

// --follow shows what comes, says if some is missing, and goes on when the daemon is back.
func TestFollowEvents(t *testing.T) {
	restarted := api.Event{Seq: 9001, Time: now, Kind: api.EventStarting, Message: "starting"}
	socket := serveEvents(t, happened[:2], []api.Event{happened[2], happened[5]}, []api.Event{restarted})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr strings.Builder
	env := environment{
		stdout: writerFunc(func(p []byte) (int, error) {
			stdout.Write(p)
			if strings.Contains(string(p), "starting") && stdout.Len() > len(renderAll(happened[:2])) {
				cancel() // as Ctrl-C does
			}
			return len(p), nil
		}),
		stderr: &stderr,
		getenv: func(key string) string { return map[string]string{"L2TPVL_SOCKET": socket, "LANG": "C.UTF-8"}[key] },
		now:    func() time.Time { return now },
	}
	if code := runIn(ctx, []string{"events", "--follow"}, env); code != exitFine {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
	if want := renderAll(happened[:3]) + renderAll(happened[5:]) + renderAll([]api.Event{restarted}); stdout.String() != want {
		t.Errorf("stdout\n%s\nwant\n%s", stdout.String(), want)
	}
	const want = "l2tpvl-ctl: 2 events were too many at once, and are left out\nl2tpvl-ctl: l2tpvld has ended; waiting for it\n"
	if stderr.String() != want {
		t.Errorf("stderr\n%s\nwant\n%s", stderr.String(), want)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
