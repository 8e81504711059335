package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"
)

// The supervisor sends notifications to the socket that systemd provides.
func TestSystemd(t *testing.T) {
	if s := systemd(zap.NewNop()); s.Notify != nil {
		t.Error("got a supervisor without systemd")
	}

	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "60000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	s := systemd(zap.NewNop())
	if s.Notify == nil || s.Watchdog != time.Minute {
		t.Fatalf("got %+v, want a watchdog of a minute", s)
	}
	s.Notify("READY=1")
	for _, want := range []string{"STATUS=starting", "READY=1"} {
		buffer := make([]byte, 100)
		n, err := conn.Read(buffer)
		if err != nil || string(buffer[:n]) != want {
			t.Errorf("systemd received %q, %v; want %q", buffer[:n], err, want)
		}
	}
}
