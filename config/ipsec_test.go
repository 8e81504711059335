package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// A link inherits the class of its VPN unless it sets its own; a peer has one connection for each
// class of its links.
func TestIPsec(t *testing.T) {
	c, err := Load(inFolder(t, "l2tpvl.yaml", `
local: {hostname: pe1, router_id: 192.0.2.1, address: 192.0.2.1}
peers:
  both: {address: 192.0.2.2, authentication: none, ike: {psk_file: pe2.psk}}
  clear: {address: 192.0.2.3, authentication: none, encapsulation: ip}
  none: {address: 192.0.2.4, authentication: none}
  protected: {address: 192.0.2.5, authentication: none, encapsulation: ip, ike: {psk_file: pe2.psk}}
vpns:
  blue:
    vpn_id: 5e:1
    vr: {netns: blue}
    links: [{peer: both}, {peer: clear}]
  red:
    vpn_id: 5e:2
    vr: {netns: red}
    ipsec: required
    links: [{peer: both}, {peer: protected, interface: red0}, {peer: clear, ipsec: none}]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range c.VPNs {
		for _, l := range v.Links {
			got = append(got, fmt.Sprintf("%s %s %s", v.Name, l.Peer, l.IPsec))
		}
	}
	want := []string{"blue both none", "blue clear none", "red both required", "red protected required", "red clear none"}
	if !slices.Equal(got, want) {
		t.Errorf("links %q, want %q", got, want)
	}
	for peer, want := range map[string][]IPsec{
		"both": {IPsecNone, IPsecRequired}, "clear": {IPsecNone}, "none": {IPsecNone}, "protected": {IPsecRequired},
	} {
		if got := c.Classes(peer); !slices.Equal(got, want) {
			t.Errorf("classes of %s: %q, want %q", peer, got, want)
		}
	}
}

// protected returns minimalYAML with the local address, a VPN that requires IPsec, one more line at
// the peer, and other replacements.
func protected(line string, oldnew ...string) string {
	return change(append([]string{
		"  hostname: pe1\n", "  hostname: pe1\n  address: 192.0.2.1\n",
		"    vr: {netns: red}\n", "    vr: {netns: red}\n    ipsec: required\n",
		"    address: 192.0.2.2\n", "    address: 192.0.2.2\n    " + line + "\n",
	}, oldnew...)...)
}

func TestIPsecMistakes(t *testing.T) {
	blue := func(peers string) string {
		return protected("ike: {psk_file: pe2.psk}", "vpns:\n", peers+"vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: blue}, links: [{peer: pe2}]}\n")
	}
	for _, tt := range []struct{ name, text, want string }{
		{
			"one port for both classes here", local("port_protected: 1702"),
			`FILE: local.port_protected: 1702 is also local.port, which is for links without IPsec; use another port`,
		},
		{
			"one port for both classes at the peer", peer("port: 1701"),
			`FILE: peers.pe2.port_protected: 1701 is also the peer's port for links without IPsec; use another port`,
		},
		{
			"link's IPsec misspelt", link("ipsec: yes"),
			`FILE: vpns.red.links[0].ipsec: unknown value "yes"; expected none or required`,
		},
		{
			"two peers at one protected port",
			protected("ike: {psk_file: pe2.psk}", "      - peer: pe2\n", "      - peer: pe2\n      - peer: pe3\n",
				"vpns:", "  pe3: {address: 192.0.2.2, port: 1703, authentication: none, ike: {psk_file: pe2.psk}}\nvpns:"),
			`FILE: peers.pe3.port_protected: "192.0.2.2:1701" is also the protected address and port of peer pe2; use another address or port`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, inFolder(t, "l2tpvl.yaml", tt.text), tt.want)
		})
	}
	if _, err := Load(inFolder(t, "l2tpvl.yaml", blue(""))); err != nil {
		t.Errorf("both classes over UDP: %v", err)
	}
	overIP := inFolder(t, "l2tpvl.yaml", blue("  pe3: {address: 192.0.2.3, encapsulation: ip, authentication: none}\n"))
	if _, err := Load(overIP); err != nil {
		t.Errorf("a clear link over IP to another peer: %v", err)
	}
	checkMistakes(t, inFolder(t, "l2tpvl.yaml", protected("encapsulation: ip\n    ike: {psk_file: pe2.psk}",
		"vpns:\n", "vpns:\n  blue: {vpn_id: 5e:2, vr: {netns: blue}, links: [{peer: pe2}]}\n")),
		`FILE: peers.pe2.encapsulation: "ip" has no ports, so nothing distinguishes the protected vpns.red.links[0] from vpns.blue.links[0] `+
			`between the same two addresses; use udp, the same ipsec for all links to this peer, or a second peer with another address`)
}

func TestNextSecret(t *testing.T) {
	path := inFolder(t, "l2tpvl.yaml", peer("next_secret_file: next"))
	next := filepath.Join(filepath.Dir(path), "next")
	write(t, next, "another secret\n", 0o600)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Peers[0]; string(p.Secret) != theSecret || string(p.NextSecret) != "another secret" {
		t.Errorf("secrets %q and %q", string(p.Secret), string(p.NextSecret))
	}
	write(t, next, theSecret, 0o600)
	checkMistakes(t, path, `FILE: peers.pe2: secret and next secret are equal; use another next secret, or remove it`)

	for text, want := range map[string]string{
		peer("next_secret_env: L2TPVL_TEST_NEXT"): `FILE: peers.pe2.next_secret_env: the environment variable is not set; ` +
			`expected one with the secret`,
		peer("next_secret_file: next\n    next_secret_env: HOME"): `FILE: peers.pe2.next_secret_env: conflicts with next_secret_file; use only one of them`,
		change("    secret_file: pe2.secret\n", "    authentication: none\n    next_secret_env: HOME\n"): `FILE: peers.pe2: next secret without a current secret; ` +
			`set secret_file or secret_env too`,
	} {
		path := inFolder(t, "l2tpvl.yaml", text)
		write(t, filepath.Join(filepath.Dir(path), "next"), "another secret", 0o600)
		checkMistakes(t, path, want)
	}
}
