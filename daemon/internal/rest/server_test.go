package rest

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
)

// ListenUnix removes the socket that a killed daemon has left, fails if a daemon answers on it, and
// removes nothing else.
func TestAPISocket(t *testing.T) {
	// A handler that answers any request is a running daemon.
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	listen := func(socket string) (*Server, error) {
		return ListenUnix(t.Context(), socket, "", answer, zap.NewNop())
	}
	stale := shortPath(t)
	first, err := listen(stale) // creates the folder, too
	if err != nil {
		t.Fatal(err)
	}
	first.listener.(*net.UnixListener).SetUnlinkOnClose(false)
	first.Close()
	second, err := listen(stale)
	if err != nil {
		t.Fatalf("the socket of a daemon that was killed: %v", err)
	}
	info, err := os.Stat(stale)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v; want 0660", info.Mode(), err)
	}
	go func() { _ = second.Serve() }()
	if _, err := listen(stale); err == nil || !strings.Contains(err.Error(), "another l2tpvld is running") {
		t.Errorf("a live socket: %v", err)
	}
	second.Close()
	third, err := listen(stale)
	if err != nil {
		t.Fatal(err)
	}
	third.Close()
	if _, err := os.Lstat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind by a server that was closed before it served: %v", err)
	}

	// A killed daemon's socket accepts connections until the kernel has removed its interfaces; its
	// successor waits for that.
	dying, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	dying.(*net.UnixListener).SetUnlinkOnClose(false)
	go func() {
		conn, err := dying.Accept() // the successor checks whether a daemon is running
		if err == nil {
			err = conn.Close()
		}
		if err := errors.Join(err, dying.Close()); err != nil {
			t.Error(err)
		}
	}()
	successor, err := listen(stale)
	if err != nil {
		t.Fatalf("the socket of a daemon that is dying: %v", err)
	}
	successor.Close()

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(file); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("a file: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("the file is now %q, %v", text, err)
	}
	if _, err := listen(filepath.Join(file, "s")); err == nil || !strings.HasPrefix(err.Error(), "api.socket: ") {
		t.Errorf("a folder that cannot be created: %v", err)
	}
}

// A group may use the socket next to its owner. An unknown group is an error.
func TestAPIGroup(t *testing.T) {
	socket := shortPath(t)
	id := 1 // a group that every Unix system has, and that is not root's
	if os.Getuid() != 0 {
		id = os.Getgid()
	}
	group, err := user.LookupGroupId(strconv.Itoa(id))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ListenUnix(t.Context(), socket, group.Name, nil, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Gid; got != uint32(id) || info.Mode().Perm() != 0o660 {
		t.Errorf("group %d, mode %v; want %d and 0660", got, info.Mode().Perm(), id)
	}
	s.Close()
	_, err = ListenUnix(t.Context(), socket, "no-such-group", nil, zap.NewNop())
	const want = "api.group: no group \"no-such-group\" on this host; `groupadd --system no-such-group` creates it"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}
