package config

import (
	"slices"
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	load := func(text string, pairs ...string) *Config {
		t.Helper()
		text = strings.NewReplacer(pairs...).Replace(text)
		path := inFolder(t, "l2tpvl.yaml", text)
		for name, secret := range map[string]string{"other": "another secret", "third": "a third secret"} {
			write(t, strings.TrimSuffix(path, "l2tpvl.yaml")+name, secret, 0o600)
		}
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const whole = `
local: {hostname: pe1, router_id: 192.0.2.1, address: 192.0.2.1}
peers:
  pe2: {address: 192.0.2.2, secret_file: pe2.secret, hello: 10s, ike: {psk_file: pe2.psk}}
  pe3: {address: 192.0.2.3, authentication: none, ike: {psk_file: pe2.psk}}
vpns:
  red:
    vpn_id: 5e:1
    vr: {netns: red}
    ppp_auth: {require: chap, name: us, secret_file: pe2.secret}
    links:
      - {peer: pe2, routes: [10.1.2.0/24]}
      - {peer: pe3, address: 10.255.0.0/31}
`
	for _, tt := range []struct {
		name   string
		change []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"secret", []string{"secret_file: pe2.secret, hello", "secret_file: other, hello"}, nil},
		{"next secret", []string{"secret_file: pe2.secret, hello", "secret_file: pe2.secret, next_secret_file: other, hello"}, nil},
		{
			"secret and more",
			[]string{"secret_file: pe2.secret, hello: 10s", "secret_file: other, hello: 11s", "pe1", "pe9"},
			[]string{"local.hostname", "peers.pe2.hello"},
		},
		{"authentication", []string{"secret_file: pe2.secret, hello", "authentication: none, hello"}, []string{"peers.pe2.authentication"}},
		{"pre-shared key", []string{"hello: 10s, ike: {psk_file: pe2.psk", "hello: 10s, ike: {psk_file: third"}, []string{
			"peers.pe2.ike.psk_file", "peers.pe2.ike (a secret)",
		}},
		{"secret of PPP", []string{"name: us, secret_file: pe2.secret", "name: us, secret_file: third"}, []string{
			"vpns.red.ppp_auth.secret_file", "vpns.red.links[0].ppp_auth (a secret)", "vpns.red.links[1].ppp_auth (a secret)",
		}},
		{"of a VPN and so of its links", []string{"    vr:", "    ipsec: required\n    vr:"}, []string{"vpns.red.ipsec"}},
		{"VPN renamed", []string{"  red:\n", "  green:\n"}, []string{"vpns.green", "vpns.red"}},
		{
			"link",
			[]string{"10.1.2.0/24", "10.1.3.0/24", "10.255.0.0/31", "10.255.0.1/31"},
			[]string{"vpns.red.links[0].routes", "vpns.red.links[1].address"},
		},
		{"link gone", []string{"      - {peer: pe3, address: 10.255.0.0/31}\n", ""}, []string{"vpns.red.links[1]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := load(whole), load(whole, tt.change...)
			if got := Differences(a, b); !slices.Equal(got, tt.want) {
				t.Errorf("differences %q, want %q", got, tt.want)
			}
		})
	}
}
