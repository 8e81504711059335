package daemon

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
)

// anotherFile is a configuration in the form that a client sends.
var anotherFile = api.Configuration{File: "/etc/l2tpvl/another.yaml", Text: `
local: {hostname: pe1, router_id: 192.0.2.1, address: 192.0.2.1}
peers: {pe2: {address: 192.0.2.2, authentication: none, role: passive}}
vpns:
  blue: {vpn_id: "5e:2", vr: {netns: blue}, links: [{peer: pe2}]}
  red: {vpn_id: "5e:1", vr: {netns: red}, links: [{peer: pe2}]}
`}

// runs makes the configuration the running one and the own file of a daemon that was made with
// another configuration of the same links.
func (p *pe) runs(t *testing.T, file api.Configuration) {
	t.Helper()
	read := func() (*config.Config, error) { return config.Parse(file.File, []byte(file.Text)) }
	cfg, err := read()
	if err != nil {
		t.Fatal(err)
	}
	p.running.Store(&running{cfg, p.loops()})
	p.reloads = Reload{File: "/etc/l2tpvl/l2tpvl.yaml", Read: read}
}

// A daemon that requires IPsec rejects configurations with clear links from clients, too.
func TestRequireIPsecHoldsForClients(t *testing.T) {
	_, a, _ := twoPEs("blue", "red")
	a.runs(t, anotherFile)
	for _, requires := range []bool{false, true} {
		a.reloads.RequireIPsec = requires
		for name, ask := range map[string]func(api.Configuration) (api.Plan, error){"plan": a.Plan, "apply": a.Apply} {
			if name == "apply" && !requires {
				continue // it would succeed, but with loops that do not run in this test
			}
			_, err := ask(anotherFile)
			if !requires {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			r, ok := errors.AsType[*rest.Error](err)
			if !ok || r.Status != http.StatusUnprocessableEntity || len(r.Details) != 2 || !strings.Contains(r.Details[0], "--require-ipsec") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
