package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// serve answers API requests at a socket with fixed values: those of render_test.go.
func serve(t *testing.T) (socket string) {
	t.Helper()
	mux := http.NewServeMux()
	fixed := func(path string, code int, answer any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				t.Error(err)
			}
		})
	}
	fixed(api.PathLinks, http.StatusOK, links)
	fixed(api.PathPeers, http.StatusOK, peers)
	fixed(api.PathIPsec, http.StatusOK, protections)
	fixed(api.PathSessions, http.StatusOK, sessions)
	mux.HandleFunc("GET "+api.PathEvents, func(w http.ResponseWriter, _ *http.Request) {
		for _, e := range pastEvents {
			_ = json.NewEncoder(w).Encode(e)
		}
	})
	mux.HandleFunc("GET "+api.PathCapture+"/pe2", func(http.ResponseWriter, *http.Request) {})
	fixed(api.PathMTU, http.StatusOK, mtus)
	fixed(api.PathVPNs, http.StatusOK, vpns)
	fixed(api.PathStatus, http.StatusOK, status)
	for path, answer := range map[string]any{
		api.PathPlan: fullPlan, api.PathApply: fullPlan, api.PathReload: fullPlan,
		api.PathLinks + "/red/pe2/up": done, api.PathLinks + "/red/pe2/down": done, api.PathLinks + "/red/pe2/reset": done,
		api.PathPeers + "/pe2/reset": done,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, _ *http.Request) {
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				t.Error(err)
			}
		})
	}
	fixed(api.PathExplain+"/green/pe3", http.StatusOK, refused)
	fixed(api.PathExplain+"/red/pe2", http.StatusOK, up)
	fixed(api.PathExplain+"/blue/pe2", http.StatusServiceUnavailable, api.Error{Error: "the daemon is stopping"})
	fixed(api.PathExplain+"/six/pe2", http.StatusUnprocessableEntity, api.Error{Error: "two mistakes", Details: []string{"one", "two"}})
	fixed(api.PathExplain+"/", http.StatusNotFound, api.Error{Error: "no such link"})
	return listen(t, mux)
}

func listen(t *testing.T, handler http.Handler) (socket string) {
	t.Helper()
	socket = socketPath(t)
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
	})
	return socket
}

// socketPath returns a short path: t.TempDir contains the test's name, and a socket's path has at
// most 107 octets.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// outcome is the result of a run of the program.
type outcome struct {
	code           int
	stdout, stderr string
}

func runWith(env map[string]string, args ...string) outcome {
	var stdout, stderr strings.Builder
	code := run(args, environmentFor(env, &stdout, &stderr))
	return outcome{code, stdout.String(), stderr.String()}
}

func environmentFor(env map[string]string, stdout, stderr io.Writer) environment {
	return environment{
		stdout: stdout,
		stderr: stderr,
		getenv: func(key string) string { return env[key] },
		now:    func() time.Time { return now },
	}
}

// runOnTerminal runs the program as if on a terminal or, if terminal is false, in a pipe, without
// colours.
func runOnTerminal(terminal bool, stdout, stderr io.Writer, args []string) (code int) {
	return run(args, environment{
		stdout: stdout, stderr: stderr, terminal: terminal,
		getenv: func(key string) string { return map[string]string{"LANG": "C.UTF-8", "NO_COLOR": "1"}[key] },
		now:    func() time.Time { return now },
	})
}

func TestRunTables(t *testing.T) {
	env := map[string]string{"L2TPVL_SOCKET": serve(t), "LANG": "C.UTF-8"}
	for _, test := range []struct {
		args   string
		code   int
		golden string
	}{
		{"links", exitOK, "links"},
		{"links -o wide", exitOK, "links-wide"},
		{"links -o yaml", exitOK, "links-yaml"},
		{"links -o json", exitOK, "links-json"},
		{"peers -o wide", exitOK, "peers-wide"},
		{"sessions -o wide", exitOK, "sessions-wide"},
		{"status -o wide", exitOK, "status-wide"},
		{"links red", exitOK, "run-links-red"},
		{"links red --wait 0s", exitOK, "run-links-red"},
		{"peers", exitOK, "peers"},
		{"peers pe2", exitOK, "run-peers-pe2"},
		{"ipsec", exitOK, "ipsec"},
		{"ipsec pe5 -o wide", exitOK, "ipsec-wide"},
		{"sessions", exitOK, "sessions"},
		{"sessions red", exitOK, "run-sessions-red"},
		{"sessions green", exitOK, "sessions-none"}, // the VPN exists without a session
		{"status", exitOK, "status"},
		{"mtu", exitOK, "mtu"},
		{"mtu -o wide", exitOK, "mtu-wide"},
		{"mtu red pe2", exitOK, "mtu-red"},
		{"mtu six pe2", exitOK, "mtu-six"},
		{"mtu green pe3", exitOK, "mtu-green"},
		{"mtu grey pe3", exitOK, "mtu-grey"},
		{"vpns", exitOK, "vpns"},
		{"vpns -o wide", exitOK, "vpns-wide"},
		{"vpns pe2", exitOK, "run-vpns-pe2"},
		{"explain red pe2", exitOK, "explain-up"},
		{"explain green pe3", exitNegative, "explain-down"},
		{"explain green pe3 --color always", exitNegative, "explain-down-terminal"},
		{"", exitOK, "run-help"},
		{"links --help", exitOK, "run-help-links"},
	} {
		t.Run(test.args, func(t *testing.T) {
			got := runWith(env, strings.Fields(test.args)...)
			if got.code != test.code || got.stderr != "" {
				t.Errorf("exit status %d and stderr %q, want %d and none", got.code, got.stderr, test.code)
			}
			compareGolden(t, test.golden, strings.ReplaceAll(got.stdout, env["L2TPVL_SOCKET"], "SOCKET"))
		})
	}
}

func TestRunErrors(t *testing.T) {
	socket, unused := serve(t), socketPath(t)
	for _, test := range []struct {
		args   string
		code   int
		stderr string // without the program's name and the end of the line
	}{
		{"lnks", exitUsage, `unknown command "lnks"; did you mean links?`},
		{"links a b", exitUsage, "accepts at most 1 arg(s), received 2; see l2tpvl-ctl --help"},
		{"links --wiat 3s", exitUsage, "unknown flag: --wiat; see l2tpvl-ctl --help"},
		{
			"links -o xml", exitUsage,
			`invalid argument "xml" for "-o, --output" flag: want one of table, wide, json, yaml; see l2tpvl-ctl --help`,
		},
		{"explain green", exitUsage, "explain requires a VPN and a peer, for example: l2tpvl-ctl explain red pe2; see l2tpvl-ctl --help"},
		{"links gren", exitUsage, `unknown VPN "gren"; did you mean green?`},
		{"links gren --wait 3s", exitUsage, `unknown VPN "gren"; did you mean green?`},
		{"sessions gren", exitUsage, `unknown VPN "gren"; did you mean green?`},
		{"mtu gren", exitUsage, `unknown VPN "gren"; did you mean green?`},
		{"mtu red pe3", exitUsage, `unknown link of VPN red to peer "pe3"; did you mean pe2?`},
		{"vpns pe9", exitUsage, `unknown peer "pe9"; did you mean pe2?`},
		{"peers pe9", exitUsage, `unknown peer "pe9"; did you mean pe2?`},
		{"explain gren pe3", exitUsage, `unknown VPN "gren"; did you mean green?`},
		{"explain green pe2", exitUsage, `unknown link of VPN green to peer "pe2"; did you mean pe3?`},
		// A link may be listed and then be unknown, if it was removed in between.
		{"explain grey pe3", exitFailure, "no such link"},
		{"explain blue pe2", exitFailure, "the daemon is stopping"},
		{"explain six pe2", exitFailure, "two mistakes\n  one\n  two"},
		{
			"links -s " + unused, exitFailure,
			"cannot reach l2tpvld at " + unused +
				": connect: no such file or directory; is l2tpvld running and using this socket?",
		},
	} {
		t.Run(test.args, func(t *testing.T) {
			got := runWith(map[string]string{"L2TPVL_SOCKET": socket}, strings.Fields(test.args)...)
			if want := (outcome{test.code, "", "l2tpvl-ctl: " + test.stderr + "\n"}); got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestRunWaitNotInTime(t *testing.T) {
	got := runWith(map[string]string{"LANG": "C.UTF-8"}, "links", "green", "--wait", "0s", "-s", serve(t))
	const stderr = "0 of 1 links up, waiting for green ⇄ pe3 (down)\n" +
		"l2tpvl-ctl: 1 of 1 links not up within 0s\n"
	if got.code != exitNegative || got.stderr != stderr {
		t.Errorf("exit status %d and stderr %q, want %d and %q", got.code, got.stderr, exitNegative, stderr)
	}
	if !strings.Contains(got.stdout, "refused, 12 s ago") {
		t.Errorf("stdout %q does not show the link", got.stdout)
	}
}

// JSON output is the API's answer with its names.
func TestRunJSON(t *testing.T) {
	socket := serve(t)
	for _, test := range []struct {
		args string
		code int
		want any
	}{
		{"links", exitOK, links},
		{"links green", exitOK, []api.Link{greenLink}},
		{"peers", exitOK, peers},
		{"sessions", exitOK, sessions},
		{"sessions green", exitOK, []api.Session{}},
		{"explain green pe3", exitNegative, refused},
		{"status", exitOK, status},
		{"vpns", exitOK, vpns},
	} {
		t.Run(test.args, func(t *testing.T) {
			args := append(strings.Fields(test.args), "-o", "json", "-s", socket, "--color", "always")
			got := runWith(nil, args...)
			if got.code != test.code || got.stderr != "" {
				t.Errorf("exit status %d and stderr %q, want %d and none", got.code, got.stderr, test.code)
			}
			answer := reflect.New(reflect.TypeOf(test.want))
			decoder := json.NewDecoder(strings.NewReader(got.stdout))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(answer.Interface()); err != nil {
				t.Fatalf("%v in %s", err, got.stdout)
			}
			if !reflect.DeepEqual(answer.Elem().Interface(), test.want) {
				t.Errorf("got %+v\nwant %+v", answer.Elem(), test.want)
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	env := map[string]string{"L2TPVL_SOCKET": serve(t)}
	for _, test := range []struct {
		args []string
		want string // the last line is cobra's directive: 4 means "no file names", 1 means "error"
	}{
		{[]string{"links", ""}, "blue\ngreen\ngrey\nred\nsix\n:4\n"},
		{[]string{"links", "red", ""}, ":4\n"},
		{[]string{"sessions", ""}, "blue\ngreen\ngrey\nred\nsix\n:4\n"},
		{[]string{"peers", ""}, "pe2\npe3\npe4\npe5\n:4\n"},
		{[]string{"peers", "pe2", ""}, ":4\n"},
		{[]string{"explain", "green", ""}, "pe3\n:4\n"},
		{[]string{"explain", "green", "pe3", ""}, ":4\n"},
		{[]string{"links", "-o", ""}, "table\nwide\njson\nyaml\n:4\n"},
		{[]string{"links", "-s", socketPath(t), ""}, ":1\n"},
	} {
		got := runWith(env, append([]string{"__complete"}, test.args...)...)
		if got.code != exitOK || got.stdout != test.want {
			t.Errorf("%q: exit status %d and %q, want %q", test.args, got.code, got.stdout, test.want)
		}
	}
}
