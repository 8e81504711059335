package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// auth returns minimalYAML with authentication of the VPN, and of the link if link is not empty.
func auth(vpn, link string) string {
	text := change("    vr: {netns: red}\n", "    vr: {netns: red}\n    ppp_auth: {"+vpn+"}\n")
	if link == "" {
		return text
	}
	return strings.Replace(text, "      - peer: pe2\n", "      - peer: pe2\n        ppp_auth: {"+link+"}\n", 1)
}

// A link inherits from its VPN the keys that it does not set; a value of its own overrides, also
// require: none.
func TestPPPAuthOfALink(t *testing.T) {
	t.Setenv("L2TPVL_TEST_SECRET", "another")
	secret, another := Secret(theSecret), Secret("another")
	chap := []PPPAuthMethod{AllowCHAP}
	for _, tt := range []struct {
		name, vpn, link string
		want            PPPAuth
	}{
		{"none", "", "", PPPAuth{Require: RequireNone}},
		{
			"both ends, by a shared secret", "require: chap, secret_file: pe2.secret", "",
			PPPAuth{Require: RequireCHAP, Allow: chap, Name: "pe1", SecretFile: "pe2.secret", Secret: secret, PeerSecret: secret},
		},
		{
			"only if the peer requires it", "secret_file: pe2.secret", "",
			PPPAuth{Require: RequireNone, Allow: chap, Name: "pe1", SecretFile: "pe2.secret", Secret: secret},
		},
		{
			"only the peer", "require: pap, peer_secret_file: pe2.secret", "",
			PPPAuth{Require: RequirePAP, Name: "pe1", PeerSecretFile: "pe2.secret", PeerSecret: secret},
		},
		{
			"only the peer, although a secret is set", "require: chap, secret_file: pe2.secret, allow: []", "",
			PPPAuth{Require: RequireCHAP, Name: "pe1", SecretFile: "pe2.secret", Secret: secret, PeerSecret: secret},
		},
		{
			"another secret", "require: chap, secret_file: pe2.secret, rechallenge: 5m", "secret_env: L2TPVL_TEST_SECRET, peer_name: pe2",
			PPPAuth{
				Require: RequireCHAP, Allow: chap, Name: "pe1", SecretEnv: "L2TPVL_TEST_SECRET", Secret: another,
				PeerName: "pe2", PeerSecret: another, Rechallenge: 5 * time.Minute,
			},
		},
		{
			"a secret for each end", "require: chap, secret_file: pe2.secret", "peer_secret_env: L2TPVL_TEST_SECRET, name: us",
			PPPAuth{
				Require: RequireCHAP, Allow: chap, Name: "us", SecretFile: "pe2.secret", Secret: secret,
				PeerSecretEnv: "L2TPVL_TEST_SECRET", PeerSecret: another,
			},
		},
		{
			"disabled for the link", "require: chap, secret_file: pe2.secret, rechallenge: 5m", "require: none, allow: [], rechallenge: 0s",
			PPPAuth{Require: RequireNone, SecretFile: "pe2.secret", Secret: secret},
		},
		{
			"link only", "", "require: chap, secret_file: pe2.secret",
			PPPAuth{Require: RequireCHAP, Allow: chap, Name: "pe1", SecretFile: "pe2.secret", Secret: secret, PeerSecret: secret},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Load(inFolder(t, "l2tpvl.yaml", auth(tt.vpn, tt.link)))
			if err != nil {
				t.Fatal(err)
			}
			got := c.VPNs[0].Links[0].Auth
			if len(got.Allow) == 0 {
				got.Allow = nil
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestPPPAuthMistakes(t *testing.T) {
	const at = `FILE: vpns.red.ppp_auth`
	const here = `FILE: vpns.red.links[0].ppp_auth`
	for _, tt := range []struct{ name, vpn, link, want string }{
		{"unknown protocol", "require: eap, secret_file: pe2.secret", "", at + `.require: unknown value "eap"; expected none, chap or pap`},
		{"unknown protocol allowed", "allow: [chap, mschap], secret_file: pe2.secret", "", at + `.allow[1]: unknown value "mschap"; expected chap or pap`},
		{"no list", "allow: chap, secret_file: pe2.secret", "", at + `.allow: expected a list; got text`},
		{"a secret", "secret: abc", "", at + `.secret: secrets are not allowed in this file; use secret_file or secret_env`},
		{"no secret", "require: chap", "", at + `.require: "chap" requires a secret; set secret_file or secret_env`},
		{"no secret for allow", "", "allow: [chap]", here + `.allow: requires a secret; set secret_file or secret_env`},
		{"name without a secret", "name: us", "", at + `: a name without a secret has no effect; set a secret, or require: none`},
		{"name without a secret at the link", "", "peer_name: pe2", here + `: a name without a secret has no effect; set a secret, or require: none`},
		{"two secrets", "secret_file: pe2.secret, secret_env: X", "", at + `.secret_env: conflicts with secret_file; use only one of them`},
		{
			"two secrets of the peer", "require: chap, peer_secret_file: pe2.secret, peer_secret_env: X", "",
			at + `.peer_secret_env: conflicts with peer_secret_file; use only one of them`,
		},
		{
			"the peer's secret without require", "peer_secret_file: pe2.secret", "",
			at + `: the peer's secret is set, but the peer is not required to authenticate; set require: chap too`,
		},
		{"both ends with one name", "secret_file: pe2.secret, peer_name: pe1", "", at + `.peer_name: "pe1" is also the local name; use different names`},
		{
			"long names", "secret_file: pe2.secret, name: " + strings.Repeat("x", 256), "peer_name: " + strings.Repeat("y", 256),
			at + `.name: has 256 octets; expected at most 255`,
		},
		{"long name of the peer", "secret_file: pe2.secret", "peer_name: " + strings.Repeat("y", 256), here + `.peer_name: has 256 octets; expected at most 255`},
		{
			"rechallenge with PAP", "require: pap, secret_file: pe2.secret", "rechallenge: 5m",
			here + `.rechallenge: 5m0s requires CHAP; set require: chap too`,
		},
		{"no such file", "secret_file: other", "", at + `.secret_file: "FOLDER/other" cannot be read: no such file or directory; expected a file with the secret`},
		{"no such variable", "", "secret_env: L2TPVL_NOT_SET", here + `.secret_env: the environment variable is not set; expected one with the secret`},
		{
			"long secret", "require: chap, secret_file: pe2.secret, peer_secret_file: long.secret", "",
			at + `.peer_secret_file: has 256 octets; PPP allows at most 255`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := inFolder(t, "l2tpvl.yaml", auth(tt.vpn, tt.link))
			write(t, filepath.Join(filepath.Dir(path), "long.secret"), strings.Repeat("x", 256), 0o600)
			if strings.Contains(tt.want, "X") {
				t.Setenv("X", "x")
			}
			checkMistakes(t, path, tt.want)
		})
	}
}

// A mistake in a VPN's authentication is reported once, not once for each link.
func TestPPPAuthMistakesAreReportedOnce(t *testing.T) {
	text := auth("secret_file: other", "")
	text = strings.Replace(text, "      - peer: pe2\n", "      - peer: pe2\n      - peer: pe3\n", 1)
	text = strings.Replace(text, "vpns:\n", "  pe3: {address: 192.0.2.3, authentication: none}\nvpns:\n", 1)
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", text),
		`FILE: vpns.red.ppp_auth.secret_file: "FOLDER/other" cannot be read: no such file or directory; expected a file with the secret`)
}

func TestAddress6(t *testing.T) {
	const at = `FILE: vpns.red.links[0].address6`
	for value, want := range map[string]string{
		`["10.0.0.1/24"]`:                    at + `[0]: "10.0.0.1/24" is not an IPv6 address; use the key address for IPv4`,
		`["fd00::1", "fe80::1/64"]`:          at + `[1]: "fe80::1/64" is a link-local address, which IPV6CP negotiates; expected a global or unique local address`,
		`["ff02::1"]`:                        at + `[0]: "ff02::1" is a multicast address; expected the address of a host, such as 2001:db8::1/64`,
		`["2001:db8::/64"]`:                  at + `[0]: "2001:db8::/64" is the subnet-router anycast address; expected a host address such as 2001:db8::1/64`,
		`["2001:db8::1/129"]`:                at + `[0]: invalid IPv6 address "2001:db8::1/129"; expected one such as 2001:db8::1/64`,
		`["fd00::1%eth0"]`:                   at + `[0]: invalid IPv6 address "fd00::1%eth0"; expected one such as 2001:db8::1/64`,
		"[\"fd00::1\"]\n        ipv6: false": at + `: requires IPv6, but ipv6 is false; set ipv6: true or remove address6`,
	} {
		t.Run(value, func(t *testing.T) {
			checkMistakes(t, inFolder(t, "l2tpvl.yaml", link("address6: "+value)), want)
		})
	}
}

// The peer's address is inside the prefix of the local address, if that has a prefix length.
func TestPeerAddressInPrefix(t *testing.T) {
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", link("address: 10.255.0.1/24\n        peer_address: 10.9.9.9")),
		`FILE: vpns.red.links[0].peer_address: "10.9.9.9" is outside 10.255.0.0/24, the prefix of address; `+
			`expected an address inside it, or address: 10.255.0.1 without a prefix length`)
	for _, address := range []string{"10.255.0.1", "10.9.9.8/31", "learn"} {
		if _, err := Load(inFolder(t, "l2tpvl.yaml", link("address: "+address+"\n        peer_address: 10.9.9.9"))); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
