package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/config"
)

const whole = `
local: {hostname: pe1, router_id: 192.0.2.1}
peers:
  pe2: {address: 192.0.2.2, secret_file: a, hello: 10s, ike: {psk_file: k, start: "yes"}}
  pe3: {address: 192.0.2.3, authentication: none}
vpns:
  blue:
    vpn_id: 5e:2
    vr: {netns: blue}
    links:
      - {peer: pe2}
  red:
    vpn_id: 5e:1
    vr: {netns: red}
    ppp_auth: {require: chap, name: us, secret_file: a}
    links:
      - {peer: pe2, routes: [10.1.2.0/24]}
      - {peer: pe3, address: 10.255.0.0/31}
`

// load returns the configuration whole with replacements: old, new, old, new... It is parsed in a
// new folder with secrets.
func load(t *testing.T, pairs ...string) *config.Config {
	t.Helper()
	text := whole
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) == 0 {
			t.Fatalf("%q is not in whole", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	folder := t.TempDir()
	for name, secret := range map[string]string{"a": "a secret", "b": "another secret", "same": "a secret", "k": "a key", "l": "another key"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Parse(filepath.Join(folder, "l2tpvl.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lines formats a plan, one line for each change.
func lines(p *Plan) []string {
	why := func(changes []config.Change) string {
		var texts []string
		for _, c := range changes {
			texts = append(texts, c.String())
		}
		return strings.TrimSuffix(": "+strings.Join(texts, "; "), ": ")
	}
	var lines []string
	if len(p.Restart) > 0 {
		lines = append(lines, "daemon restart"+why(p.Restart))
	}
	if len(p.Daemon) > 0 {
		lines = append(lines, "daemon"+why(p.Daemon))
	}
	for _, r := range p.Routers {
		lines = append(lines, fmt.Sprintf("%s %s", r.Action, &r.VR))
	}
	for _, c := range p.Connections {
		lines = append(lines, fmt.Sprintf("%s %s %s", c.Action, c.Peer, c.Class)+why(c.Changes))
	}
	for _, l := range p.Links {
		class := string(l.From)
		if l.From != l.To {
			class = fmt.Sprintf("%s>%s", l.From, l.To)
		}
		line := fmt.Sprintf("%s %s/%s %s", l.Action, l.VPN, l.Peer, class) + why(l.Changes)
		if len(l.Of) > 0 {
			line += " of" + why(l.Of)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestMake(t *testing.T) {
	const blueLink = "    links:\n      - {peer: pe2}\n"
	const blueVPN = "  blue:\n    vpn_id: 5e:2\n    vr: {netns: blue}\n" + blueLink
	for _, tt := range []struct {
		name   string
		change []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"the file of a secret, not the secret", []string{"secret_file: a, hello", "secret_file: same, hello"}, nil},

		{"secret", []string{"secret_file: a, hello", "secret_file: b, hello"}, []string{"change pe2 none: secret"}},
		{
			"next secret and timers",
			[]string{"secret_file: a, hello: 10s", "secret_file: a, next_secret_file: b, hello: 11s, retransmit: {retries: 3}, role: active"},
			[]string{"change pe2 none: next secret; role both → active; hello 10s → 11s; retransmit.retries 10 → 3"},
		},
		{
			"authentication",
			[]string{"secret_file: a, hello", "authentication: none, hello"},
			[]string{
				"restart pe2 none: authentication secret → none; secret",
				"restart blue/pe2 none of: authentication secret → none",
				"restart red/pe2 none of: authentication secret → none",
			},
		},
		{
			"address of a peer, and a route",
			[]string{"192.0.2.3", "192.0.2.4", "10.1.2.0/24", "10.1.2.0/25"},
			[]string{
				"restart pe3 none: address 192.0.2.3 → 192.0.2.4",
				"change red/pe2 none: routes 10.1.2.0/24 → 10.1.2.0/25",
				"restart red/pe3 none of: address 192.0.2.3 → 192.0.2.4",
			},
		},
		{"port of a class without links", []string{"hello: 10s", "hello: 10s, port_protected: 1703"}, nil},
		{"keys of a class without links", []string{"psk_file: k", "psk_file: l"}, nil},
		{
			"peer without links",
			[]string{"peers:\n", "peers:\n  pe1: {address: 192.0.2.9, authentication: none}\n"},
			[]string{"add pe1 none"},
		},
		{
			"peer renamed",
			[]string{"pe3: {address", "pe4: {address", "{peer: pe3", "{peer: pe4"},
			[]string{"remove pe3 none", "add pe4 none", "remove red/pe3 none>", "add red/pe4 >none"},
		},

		{"VPN", []string{blueVPN, ""}, []string{"remove netns blue", "remove blue/pe2 none>"}},
		{"VPN renamed", []string{"  blue:\n", "  green:\n"}, []string{"remove blue/pe2 none>", "add green/pe2 >none"}},
		{"VPN-ID", []string{"5e:2", "5e:3"}, []string{"restart blue/pe2 none: vpn_id 00005e:00000002 → 00005e:00000003"}},
		{
			"virtual router",
			[]string{"{netns: blue}", "{vrf: blue, table: 1002}"},
			[]string{
				"remove netns blue", "add vrf blue",
				"restart blue/pe2 none: vr.netns blue → none; vr.vrf none → blue; vr.table none → 1002",
			},
		},
		{
			"customer interface",
			[]string{"{netns: blue}", "{netns: blue}\n    interfaces: [{name: eth1}]"},
			[]string{"change netns blue"},
		},
		{
			"echo and MTU of a VPN",
			[]string{"{netns: red}", "{netns: red}\n    mtu: 1400\n    echo: {interval: 1s}"},
			[]string{
				"change red/pe2 none: mtu none → 1400; echo.interval 5s → 1s",
				"change red/pe3 none: mtu none → 1400; echo.interval 5s → 1s",
			},
		},
		{
			"a secret of PPP",
			[]string{"name: us, secret_file: a", "name: us, secret_file: b"},
			[]string{"restart red/pe2 none: ppp_auth secret; ppp_auth peer secret", "restart red/pe3 none: ppp_auth secret; ppp_auth peer secret"},
		},
		{
			"a secret of PPP, moved to the links",
			[]string{", secret_file: a}\n    links", "}\n    links", "{peer: pe2, routes", "{peer: pe2, ppp_auth: {secret_file: a}, routes", "{peer: pe3,", "{peer: pe3, ppp_auth: {secret_file: a},"},
			nil,
		},

		{"key of protected links", []string{"{netns: blue}", "{netns: blue}\n    ipsec: required"}, []string{"add pe2 required", "restart blue/pe2 none>required: ipsec none → required"}},
		{"link", []string{"      - {peer: pe3, address: 10.255.0.0/31}\n", ""}, []string{"remove red/pe3 none>"}},
		{"links in another order", []string{
			"      - {peer: pe2, routes: [10.1.2.0/24]}\n      - {peer: pe3, address: 10.255.0.0/31}",
			"      - {peer: pe3, address: 10.255.0.0/31}\n      - {peer: pe2, routes: [10.1.2.0/24]}",
		}, nil},
		{
			"address of a link",
			[]string{"10.255.0.0/31", "learn"},
			[]string{"restart red/pe3 none: address 10.255.0.0/31 → learn"},
		},
		{"IPv6 address of a link", []string{"{peer: pe2}", "{peer: pe2, address6: [\"2001:db8::1/64\"]}"}, []string{"change blue/pe2 none: address6 none → 2001:db8::1/64"}},
		{
			"one of two links becomes protected",
			[]string{"{peer: pe2}", "{peer: pe2, ipsec: required}"},
			[]string{"add pe2 required", "restart blue/pe2 none>required: ipsec none → required"},
		},
		{
			"both links become protected",
			[]string{"{peer: pe2}", "{peer: pe2, ipsec: required}", "{peer: pe2, routes", "{peer: pe2, ipsec: required, routes"},
			[]string{
				"remove pe2 none", "add pe2 required",
				"restart blue/pe2 none>required: ipsec none → required", "restart red/pe2 none>required: ipsec none → required",
			},
		},

		{"level of the log", []string{"vpns:", "log: {level: debug}\nvpns:"}, []string{"daemon: log.level info → debug"}},
		{
			"keys that require a restart of the daemon",
			[]string{"hostname: pe1", "hostname: pe9, port: 1799", "vpns:", "dataplane: userspace\napi: {socket: /run/s}\nlog: {format: json}\nvpns:"},
			[]string{
				"daemon restart: local.hostname pe1 → pe9; local.port 1702 → 1799; dataplane auto → userspace; " +
					"api.socket /run/l2tpvl/l2tpvl.sock → /run/s; log.format console → json",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, to := load(t), load(t, tt.change...)
			p := Make(from, to)
			if got := lines(p); !slices.Equal(got, tt.want) {
				t.Errorf("plan\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
			if p.Empty() != (tt.want == nil) {
				t.Errorf("Empty is %v", p.Empty())
			}
			if back := lines(Make(to, from)); len(back) != len(tt.want) {
				t.Errorf("the reverse plan has %d lines, want %d: %q", len(back), len(tt.want), back)
			}
		})
	}
}

// Make does not modify the configurations.
func TestMakeModifiesNothing(t *testing.T) {
	from, to := load(t), load(t, "5e:2", "5e:3", "192.0.2.3", "192.0.2.4")
	Make(from, to)
	if !Make(from, load(t)).Empty() || !Make(load(t, "5e:2", "5e:3", "192.0.2.3", "192.0.2.4"), to).Empty() {
		t.Error("Make has modified a configuration")
	}
}
