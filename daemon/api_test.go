package daemon

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
)

// serve runs a passive daemon, and its API on a socket.
func serve(t *testing.T) (p *pe, socket string) {
	t.Helper()
	_, p, _ = twoPEs("red", "blue")
	p.cfg().Peers[0].Role = config.RolePassive // so the shutdown waits for no peer
	p.makeLoops()
	socket = shortPath(t)
	s, err := rest.ListenUnix(t.Context(), socket, "", rest.Handler(p.Daemon), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	p.start(t)
	p.look(t) // waits until its loop runs
	ended := make(chan struct{})
	go func() { defer close(ended); p.serveAPI(s) }()
	t.Cleanup(func() {
		s.Close()
		<-ended
		if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Close left the socket behind: %v", err)
		}
	})
	return p, socket
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
	if s, ok := errors.AsType[*api.StatusError](err); !ok || s.Code != http.StatusServiceUnavailable || s.Message != errEnded.Error() {
		t.Errorf("error during the shutdown: %v", err)
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
		{"GET", "/v1/links?vpn=red", 400, `/v1/links has no parameter "vpn"; it has none`},
		{"DELETE", "/v1/explain/red/pe2", 405, "DELETE /v1/explain/red/pe2: want GET"},
	} {
		got := do(t, client, tt.method, tt.path, nil)
		var failure api.Error
		if err := json.Unmarshal(got.body, &failure); err != nil {
			t.Errorf("%s %s: %v in %q", tt.method, tt.path, err, got.body)
		}
		if got.status != tt.code || failure.Error != tt.text || got.kind != "application/json" {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, got.status, failure.Error, tt.code, tt.text)
		}
		if allow := got.header.Get("Allow"); (tt.code == 405) != (allow == "GET, HEAD") {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, allow)
		}
	}
}
