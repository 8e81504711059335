package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

var fullPlan = api.Plan{
	Daemon:  []string{"log.level info → debug"},
	Routers: []api.PlanOfRouter{{VR: "netns red", Action: api.ActionRemove}, {VR: "vrf red", Action: api.ActionAdd}},
	Connections: []api.PlanOfConnection{
		{Peer: "pe2", IPsec: "none", Action: api.ActionChange, Changes: []string{"hello 60s → 10s", "secret"}},
		{Peer: "pe3", IPsec: "none", Action: api.ActionRestart, Changes: []string{"address 192.0.2.3 → 192.0.2.4"}},
		{Peer: "pe4", IPsec: "required", Action: api.ActionAdd},
	},
	Links: []api.PlanOfLink{
		{VPN: "blue", Peer: "pe2", Action: api.ActionChange, Changes: []string{"mtu none → 1400", "routes none → 10.1.0.0/16"}},
		{VPN: "green", Peer: "pe3", Action: api.ActionRestart, Because: []string{"address 192.0.2.3 → 192.0.2.4"}},
		{VPN: "grey", Peer: "pe2", Action: api.ActionRemove},
		{VPN: "red", Peer: "pe2", Action: api.ActionRestart, Changes: []string{"vr.netns red → none", "vr.vrf none → red"}},
		{VPN: "red", Peer: "pe4", Action: api.ActionAdd},
	},
	Untouched: 37,
	Notes:     []string{"/etc/l2tpvl/l2tpvl.yaml is not what runs now"},
}

var done = api.Done{Done: "red ⇄ pe2 may come up again"}

func TestRenderPlan(t *testing.T) {
	for name, got := range map[string]string{
		"plan":         renderPlan("would be ")(fullPlan, now, inUTF8),
		"plan-applied": renderPlan("")(fullPlan, now, inUTF8),
		"plan-nothing": renderPlan("")(api.Plan{Untouched: 3}, now, inUTF8),
		"plan-no-link": renderPlan("would be ")(api.Plan{Daemon: []string{"log.level info → debug"}, Untouched: 3}, now, inUTF8),
		"plan-restart": renderPlan("would be ")(api.Plan{
			Restart: []string{"local.hostname pe1 → pe9"}, Links: []api.PlanOfLink{{VPN: "red", Peer: "pe2", Action: api.ActionRemove}},
		}, now, inUTF8),
	} {
		compareGolden(t, name, got)
	}
}

// plan and apply send the file unchanged, with its absolute path. The output and the exit status
// show the daemon's answer.
func TestRunChanges(t *testing.T) {
	requests := make(chan string, 1)
	mux := http.NewServeMux()
	answer := func(path string, code int, body any) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			var in api.Configuration
			_ = json.NewDecoder(r.Body).Decode(&in)
			requests <- r.URL.Path + " " + in.File + " " + in.Text
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(body)
		})
	}
	answer(api.PathPlan, http.StatusOK, api.Plan{Restart: []string{"api.socket a → b"}})
	answer(api.PathApply, http.StatusUnprocessableEntity, api.Error{Error: "invalid configuration; nothing changed", Details: []string{"x.yaml: a: is wrong"}})
	answer(api.PathReload, http.StatusOK, api.Plan{Untouched: 1})
	answer("/v1/links/red/pe2/down", http.StatusOK, api.Done{Done: "red ⇄ pe2 is taken down"})
	answer("/v1/links/red/pe2/up", http.StatusNotFound, api.Error{Error: "no such link"})
	answer("/v1/links/red/pe2/reset", http.StatusOK, api.Done{Done: "red ⇄ pe2 is reset"})
	answer("/v1/peers/pe2/reset", http.StatusOK, api.Done{Done: "pe2 is reset"})
	env := map[string]string{"L2TPVL_SOCKET": listen(t, mux), "LANG": "C.UTF-8"}

	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args, request, output string
		code                  int
	}{
		{"plan " + file, "/v1/plan " + file + " text", "api.socket a → b", exitNegative},
		{"apply " + file, "/v1/apply " + file + " text", "x.yaml: a: is wrong", exitFailure},
		{"apply " + file + ".no", "", "no such file", exitFailure},
		{"apply", "", "accepts 1 arg", exitUsage},
		{"reload", "/v1/reload  ", "no changes", exitOK},
		{"down red pe2", "/v1/links/red/pe2/down  ", "red ⇄ pe2 is taken down", exitOK},
		{"up red pe2", "/v1/links/red/pe2/up  ", "no such link", exitFailure},
		{"reset red pe2", "/v1/links/red/pe2/reset  ", "is reset", exitOK},
		{"reset pe2 -o json", "/v1/peers/pe2/reset  ", `"done": "pe2 is reset"`, exitOK},
	} {
		o := runWith(env, strings.Fields(tt.args)...)
		got := ""
		select {
		case got = <-requests:
		default:
		}
		if o.code != tt.code || got != tt.request || !strings.Contains(o.stdout+o.stderr, tt.output) {
			t.Errorf("%s: status %d, request %q, output %q %q; want %d, %q, %q", tt.args, o.code, got, o.stdout, o.stderr, tt.code, tt.request, tt.output)
		}
	}
}
