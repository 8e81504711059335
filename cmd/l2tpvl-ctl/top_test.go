package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func TestRowsBetween(t *testing.T) {
	session := func(id string, rx, tx uint64, history ...*float64) map[string]api.Session {
		return map[string]api.Session{"red\x00pe2": {LocalID: id, Counters: api.Counters{RxOctets: rx, TxOctets: tx, Drops: 5}, Echo: &api.Echo{History: history}}}
	}
	before := sample{at: at(29, 14, 2, 21), sessions: session("0x1", 1000, 500)}
	for _, tt := range []struct {
		name   string
		now    map[string]api.Session
		rx, tx float64
		loss   float64
	}{
		{"traffic", session("0x1", 2000, 1000, ptr(1.0), nil, ptr(2.0), ptr(3.0)), 4000, 2000, 0.25},
		{"another session", session("0x2", 2000, 1000), 0, 0, 0},
		{"counters that decreased", session("0x1", 900, 500), 0, 0, 0},
		{"no session", nil, 0, 0, 0},
	} {
		rows := rowsBetween(before, sample{at: now, links: []api.Link{redLink}, sessions: tt.now})
		if len(rows) != 1 || rows[0].RxBits != tt.rx || rows[0].TxBits != tt.tx || rows[0].Loss != tt.loss || rows[0].History == nil {
			t.Errorf("%s: %+v", tt.name, rows)
		}
	}
}

func TestFormatBits(t *testing.T) {
	for bits, want := range map[float64]string{
		0: "0", 7.4: "7", 999: "999", 999.6: "1.0k", 1234: "1.2k", 9960: "10k", 99_400: "99k", 999_600: "1.0M", 1e9: "1.0G", 4e12: "4.0T", 5e16: "50000T",
	} {
		if got := formatBits(bits); got != want {
			t.Errorf("%v: %s, want %s", bits, got, want)
		}
	}
}

func TestSparkline(t *testing.T) {
	history := []*float64{ptr(9.0), ptr(0.1), ptr(2.0), nil, ptr(4.0)}
	for _, tt := range []struct {
		width int
		utf8  bool
		want  string
	}{{10, true, "█▁▂×▄"}, {4, true, "▁▅×█"}, {4, false, "_+x@"}, {0, true, ""}} {
		if got := sparkline(history, tt.width, tt.utf8); got != tt.want {
			t.Errorf("width %d, UTF-8 %v: %s, want %s", tt.width, tt.utf8, got, tt.want)
		}
	}
	if got := sparkline([]*float64{ptr(0.0), nil}, 9, true); got != "▁×" {
		t.Errorf("round trip of 0: %s", got)
	}
}

// Lines fit into the terminal, however long the names are.
func TestTopLinesFit(t *testing.T) {
	long := make([]*float64, 60)
	for i := range long {
		long[i] = ptr(float64(i%7) / 3)
	}
	long[40] = nil
	rows := []topRow{
		{VPN: "red", Peer: "pe2", State: api.LinkUp, RxBits: 1_234_567, TxBits: 980, EchoMS: ptr(0.84), History: long[:20]},
		{VPN: "a-customer-of-a-very-long-name", Peer: "frankfurt-main-2.example.net", State: api.LinkStarting, History: long, Loss: 1.0 / 60},
		{VPN: "東京", Peer: "pe3", State: api.LinkDown},
	}
	for _, width := range []int{60, 80, 200} {
		var all []string
		for _, s := range []style{inUTF8, inASCII} {
			lines := topLines(rows, width, s)
			for _, line := range lines {
				if displayWidth(line) > width {
					t.Errorf("%d columns: %q takes %d", width, line, displayWidth(line))
				}
			}
			all = append(all, lines...)
		}
		if width != 60 {
			compareGolden(t, fmt.Sprintf("top-%d", width), strings.Join(all, "\n")+"\n")
		}
	}
}

func TestTopOnce(t *testing.T) {
	got := runWith(nil, "top", "--interval", "100ms", "-o", "json", "--sort", "loss", "-s", serve(t))
	var rows []topRow
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil || len(rows) != len(links) || rows[0].VPN != "red" || rows[0].Loss == 0 {
		t.Errorf("%v, %+v in %+v", err, rows, got)
	}
	got = runWith(nil, "top", "-i", "100ms", "-s", serve(t))
	if lines := strings.Split(strings.TrimSpace(got.stdout), "\n"); got.code != exitOK || len(lines) != len(links)+1 {
		t.Errorf("%+v", got)
	}
	got = runWith(nil, "top", "--interval", "1ms", "-s", serve(t))
	if got.code != exitUsage || got.stderr != "l2tpvl-ctl: --interval 1ms is too short; want at least 100ms\n" {
		t.Errorf("%+v", got)
	}
}

// openPTY opens a pseudo-terminal of 80 columns and 10 lines. It returns the user's end and the
// program's end.
func openPTY(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 10, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return user, program
}

// On a terminal, top redraws the screen, handles keys, shows errors of the daemon, and restores the
// terminal at the end.
func TestTopOnATerminal(t *testing.T) {
	user, program := openPTY(t)
	before, err := term.GetState(int(program.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	octets, failing := uint64(0), false
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathLinks, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if failing {
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = json.NewEncoder(w).Encode(api.Error{Error: "the daemon is shutting down"})
			return
		}
		_ = json.NewEncoder(w).Encode([]api.Link{blueLink, redLink})
	})
	mux.HandleFunc("GET "+api.PathSessions, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		octets += 1_000_000
		s := sessions[0]
		s.Counters.RxOctets = octets
		_ = json.NewEncoder(w).Encode([]api.Session{s})
	})
	socket := listen(t, mux)

	shown := make(chan string)
	go func() {
		defer close(shown)
		for b := make([]byte, 4096); ; {
			n, err := user.Read(b)
			if err != nil {
				return
			}
			shown <- string(b[:n])
		}
	}()
	all := ""
	wait := func(what string) {
		t.Helper()
		from := len(all)
		for over := time.After(time.Minute); !strings.Contains(all[from:], what); {
			select {
			case text := <-shown:
				all += text
			case <-over:
				t.Fatalf("%q is missing in the output after\n%q", what, all[max(0, len(all)-1000):])
			}
		}
	}
	over := make(chan int, 1)
	go func() {
		over <- run([]string{"top", "-i", "100ms", "-s", socket}, environment{
			stdout: program, stderr: program, terminal: true, screen: screenOf(program, program),
			getenv: func(key string) string { return map[string]string{"LANG": "C.UTF-8"}[key] }, now: time.Now,
		})
	}()
	wait(screenEnter)
	wait("2 of 2 links up")
	wait("█×█") // red's echoes
	wait("b/s")
	wait("M ") // a rate
	if _, err := user.WriteString("r"); err != nil {
		t.Fatal(err)
	}
	wait("by received")
	wait("red")
	mu.Lock()
	failing = true
	mu.Unlock()
	wait("the daemon is shutting down")
	if _, err := user.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	wait(screenLeave)
	if code := <-over; code != exitOK {
		t.Errorf("exit status %d", code)
	}
	after, err := term.GetState(int(program.Fd()))
	if err != nil || *after != *before {
		t.Errorf("the terminal is not restored: %v", err)
	}
	for _, frame := range strings.Split(all, screenHome) {
		if lines := strings.Count(frame, lineEnd); lines > 10 {
			t.Errorf("a frame has %d lines, the terminal 10", lines)
		}
	}
}
