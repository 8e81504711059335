package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/l2tpvl/l2tpvl/config"
)

// Run starts and ends cleanly with real sockets, and leaves nothing behind. The context is canceled
// before the start, which makes the run as short as possible.
func TestRun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("needs root, to manage network namespaces")
	}
	taken, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	live, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	answering := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = answering.Serve(live) }() // ends with Close
	defer answering.Close()

	for _, tt := range []struct {
		name   string
		port   uint16
		peers  []config.Peer
		socket string
		err    string // part of the error; empty: none
		logs   []string
	}{
		{"success", 0, nil, "", "", []string{"starting", "shutting down", "stopped"}},
		{"port taken", taken.LocalAddr().(*net.UDPAddr).AddrPort().Port(), []config.Peer{{Name: "pe2", Address: netip.MustParseAddr("192.0.2.2"), Port: 1702}}, "", "listen for peers: ", []string{"starting"}},
		{"another daemon", 0, nil, live.Addr().String(), "another l2tpvld is running", []string{"starting"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := tt.socket
			if socket == "" {
				socket = shortPath(t)
			}
			core, logs := observer.New(zapcore.DebugLevel)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := Run(ctx, &config.Config{
				Local: config.Local{HostName: "pe1", RouterID: netip.MustParseAddr("192.0.2.1"), Address: netip.MustParseAddr("127.0.0.1"), Port: tt.port},
				Peers: tt.peers,
				API:   config.API{Socket: socket}, DataPlane: config.DataPlaneUserspace,
			}, Reload{}, Supervisor{}, "test", zap.New(core))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			var messages []string
			for _, line := range logs.All() {
				messages = append(messages, line.Message)
			}
			if !slices.Equal(messages, tt.logs) {
				t.Errorf("log %q, want %q", messages, tt.logs)
			}
			if _, err := os.Lstat(socket); tt.socket == "" && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the API socket was left behind: %v", err)
			}
		})
	}
}

// The log goes to standard error, as text or as JSON.
func TestNewLogger(t *testing.T) {
	logged := func(cfg config.Log) string {
		t.Helper()
		file, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		stderr := os.Stderr
		os.Stderr = file
		log, _, err := NewLogger(cfg)
		os.Stderr = stderr
		if err != nil {
			t.Fatal(err)
		}
		log.Info("link up", zap.String("vpn", "red"))
		log.Warn("link down", zap.String("vpn", "red"), zap.String("reason", "a\nb"))
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	console := logged(config.Log{Level: config.LogInfo, Format: config.LogConsole})
	if strings.Count(console, "\n") != 2 || !strings.Contains(console, "\tINFO\tlink up\t{\"vpn\": \"red\"}\n") {
		t.Errorf("console: %q", console)
	}
	var line struct{ Level, Time, Msg, VPN, Reason string }
	text := logged(config.Log{Level: config.LogWarn, Format: config.LogJSON})
	if err := json.Unmarshal([]byte(text), &line); err != nil || line.Msg != "link down" || line.Reason != "a\nb" || line.Time == "" {
		t.Errorf("JSON: %v in %q", err, text)
	}
	if _, _, err := NewLogger(config.Log{Level: "loud"}); err == nil || !strings.HasPrefix(err.Error(), "log.level: ") {
		t.Errorf("unknown level: %v", err)
	}
}
