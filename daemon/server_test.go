package daemon

import (
	"encoding/json"
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

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// serve runs a daemon that waits for its peer to call, and its API on a socket.
func serve(t *testing.T) (p *pe, socket string) { return serveWith(t, func(*http.Server) {}) }

// serveWith is serve with another server.
func serveWith(t *testing.T, change func(*http.Server)) (p *pe, socket string) {
	t.Helper()
	_, p, _ = twoPEs("red", "blue")
	p.cfg().Peers[0].Role = config.RolePassive // there is nobody to say farewell to
	p.makeLoops()
	p.cfg().API.Socket = shortPath(t)
	s, err := p.listenAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change(s.http)
	p.start(t)
	p.look(t) // so its loop is about
	over := make(chan struct{})
	go func() { defer close(over); s.serve() }()
	t.Cleanup(func() {
		s.close()
		<-over
		if _, err := os.Lstat(p.cfg().API.Socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left behind: %v", err)
		}
	})
	return p, p.cfg().API.Socket
}

// shortPath is where a socket can be: its path has 107 octets at most.
func shortPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "s")
}

func TestAPI(t *testing.T) {
	p, socket := serve(t)
	ctx, client := t.Context(), api.NewClient(socket)

	links, err := client.Links(ctx)
	if err != nil || len(links) != 2 || links[0].VPN != "blue" || links[1].VPN != "red" || links[1].VPNID != "00005e:00000001" {
		t.Errorf("links %+v, %v; want blue and red", links, err)
	}
	peers, err := client.Peers(ctx)
	if err != nil || len(peers) != 1 || peers[0].Name != "pe2" || peers[0].Authentication != "hmac-sha1" || peers[0].Links != 2 {
		t.Errorf("peers %+v, %v", peers, err)
	}
	sessions, err := client.Sessions(ctx)
	if err != nil || len(sessions) != 2 || sessions[0].State != "wait-control-conn" {
		t.Errorf("sessions %+v, %v", sessions, err)
	}
	status, err := client.Status(ctx)
	if err != nil || status.HostName != "pe1" || status.Version != "test" || status.DataPlane != "fake" || len(status.Drops) == 0 {
		t.Errorf("status %+v, %v", status, err)
	}
	x, err := client.Explain(ctx, "red", "pe2")
	if err != nil || x.Link.VPN != "red" || len(x.Steps) != 9 {
		t.Errorf("explanation %+v, %v", x, err)
	}

	p.stop()
	_, err = client.Links(ctx)
	if s, ok := errors.AsType[*api.StatusError](err); !ok || s.Code != http.StatusServiceUnavailable || s.Message != errOver.Error() {
		t.Errorf("while it is shutting down: %v", err)
	}
}

func TestAPIErrors(t *testing.T) {
	_, socket := serve(t)
	client := clientOf(socket)
	for _, tt := range []struct {
		method, path string
		code         int
		text         string
	}{
		{"GET", "/v1/explain/green/pe2", 404, `no link of VPN "green" to peer pe2 is configured here`},
		{"GET", "/v1/explain/red/pe9", 404, `no peer "pe9" is configured here`},
		{"GET", "/v1/explain/red", 404, "no /v1/explain/red in this API"},
		{"GET", "/v2/links", 404, "no /v2/links in this API"},
		{"GET", "/", 404, "no / in this API"},
		{"POST", "/v1/links", 405, "POST /v1/links: want GET"},
		{"GET", "/v1/links?vpn=red", 400, `/v1/links has no parameter "vpn"; it takes none`},
		{"DELETE", "/v1/explain/red/pe2", 405, "DELETE /v1/explain/red/pe2: want GET"},
	} {
		got := do(t, client, tt.method, tt.path, nil)
		var said api.Error
		if err := json.Unmarshal(got.body, &said); err != nil {
			t.Errorf("%s %s: %v in %q", tt.method, tt.path, err, got.body)
		}
		if got.status != tt.code || said.Error != tt.text || got.kind != "application/json" {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, got.status, said.Error, tt.code, tt.text)
		}
		if allow := got.header.Get("Allow"); (tt.code == 405) != (allow == "GET, HEAD") {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, allow)
		}
	}
}

// A daemon that was killed leaves its socket; a daemon that lives answers on it; anything else is
// not ours to remove.
func TestAPISocket(t *testing.T) {
	_, p, _ := twoPEs("red")
	p.log = zap.NewNop()

	stale := shortPath(t)
	p.cfg().API.Socket = stale
	first, err := p.listenAPI(t.Context()) // makes the folder, too
	if err != nil {
		t.Fatal(err)
	}
	first.listener.(*net.UnixListener).SetUnlinkOnClose(false)
	first.close()
	second, err := p.listenAPI(t.Context())
	if err != nil {
		t.Fatalf("the socket of a daemon that was killed: %v", err)
	}
	info, err := os.Stat(stale)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v; want 0660", info.Mode(), err)
	}
	go second.serve()
	if _, err := p.listenAPI(t.Context()); err == nil || !strings.Contains(err.Error(), "another l2tpvld is running and answers there") {
		t.Errorf("a live socket: %v", err)
	}
	second.close()
	third, err := p.listenAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	third.close()
	if _, err := os.Lstat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("closed before it served, and the socket is left behind: %v", err)
	}

	// One that was killed takes connections until the kernel has taken it down; its successor waits
	// for that.
	dying, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	dying.(*net.UnixListener).SetUnlinkOnClose(false)
	go func() {
		conn, err := dying.Accept() // the successor asks whether somebody lives
		if err == nil {
			err = conn.Close()
		}
		if err := errors.Join(err, dying.Close()); err != nil {
			t.Error(err)
		}
	}()
	successor, err := p.listenAPI(t.Context())
	if err != nil {
		t.Fatalf("the socket of a daemon that is dying: %v", err)
	}
	successor.close()

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cfg().API.Socket = file
	if _, err := p.listenAPI(t.Context()); err == nil || !strings.Contains(err.Error(), "something that is not a socket") {
		t.Errorf("a file: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("the file is now %q, %v", text, err)
	}
	p.cfg().API.Socket = filepath.Join(file, "s")
	if _, err := p.listenAPI(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "api.socket: ") {
		t.Errorf("a folder that cannot be made: %v", err)
	}
}

// A group may be let in beside the owner; one that there is not is an error that says so.
func TestAPIGroup(t *testing.T) {
	_, p, _ := twoPEs("red")
	p.cfg().API.Socket = shortPath(t)
	id := 1 // of a group that every Unix has, and is not root's
	if os.Getuid() != 0 {
		id = os.Getgid()
	}
	group, err := user.LookupGroupId(strconv.Itoa(id))
	if err != nil {
		t.Fatal(err)
	}
	p.cfg().API.Group = group.Name
	s, err := p.listenAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	info, err := os.Stat(p.cfg().API.Socket)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Gid; got != uint32(id) || info.Mode().Perm() != 0o660 {
		t.Errorf("group %d, mode %v; want %d and 0660", got, info.Mode().Perm(), id)
	}
	s.close()
	p.cfg().API.Group = "nobody-is-in-it"
	_, err = p.listenAPI(t.Context())
	const want = "api.group: there is no group \"nobody-is-in-it\" on this host; `groupadd --system nobody-is-in-it` makes it"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := os.Lstat(p.cfg().API.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket is left behind: %v", err)
	}
}
