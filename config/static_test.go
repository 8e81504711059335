package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// static returns a configuration with a static peer and a link to it; peer and link are added to
// their keys.
func static(peer, link string) string {
	return fmt.Sprintf(`
local: {hostname: pe1, router_id: 192.0.2.1, address: 192.0.2.1}
peers:
  ce5:
    address: 192.0.2.5
    signalling: static
%s
vpns:
  red:
    vpn_id: 5e:1
    vr: {netns: red}
    links:
      - peer: ce5
%s
`, indent("    ", peer), indent("        ", link))
}

func indent(by, text string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}

const (
	theTunnel  = "static: {local_tunnel_id: 3001, peer_tunnel_id: 4001}"
	theSession = "static: {local_session_id: 11, peer_session_id: 22}"
)

func TestStatic(t *testing.T) {
	c, err := Load(inFolder(t, "l2tpvl.yaml", static(
		"port: 5005\nstatic: {local_tunnel_id: 0xbb9, peer_tunnel_id: 4294967295, local_port: 5001}",
		`static: {local_session_id: 11, peer_session_id: 22, local_cookie: "5CA1AB1E", peer_cookie: "0123456789abcdef"}`)))
	if err != nil {
		t.Fatal(err)
	}
	p, l := c.Peers[0], c.VPNs[0].Links[0]
	if !p.IsStatic() || p.Static != (StaticTunnel{3001, 4294967295, 5001}) || p.Authentication != AuthenticationNone || c.LocalPort(p) != 5001 {
		t.Errorf("peer %+v", p)
	}
	if s := l.Static; s.LocalSessionID != 11 || s.PeerSessionID != 22 || !bytes.Equal(s.LocalCookie.Octets, []byte("\x5c\xa1\xab\x1e")) ||
		!bytes.Equal(s.PeerCookie.Octets, []byte("\x01\x23\x45\x67\x89\xab\xcd\xef")) {
		t.Errorf("link %+v", s)
	}

	c, err = Load(inFolder(t, "l2tpvl.yaml", static(theTunnel, theSession)))
	if err != nil {
		t.Fatal(err)
	}
	if port := c.Peers[0].Static.LocalPort; port != c.Local.Port {
		t.Errorf("local port %d, want that of the router, %d", port, c.Local.Port)
	}
}

func TestStaticMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no tunnel IDs", static("", theSession), `
peers.ce5.static.local_tunnel_id: missing, but required with signalling: static; expected the ID configured at both ends
peers.ce5.static.peer_tunnel_id: missing, but required with signalling: static; expected the ID configured at both ends`},
		{"no session IDs", static(theTunnel, ""), `
vpns.red.links[0].static.local_session_id: missing, but required with signalling: static; expected the ID configured at both ends
vpns.red.links[0].static.peer_session_id: missing, but required with signalling: static; expected the ID configured at both ends`},
		{"ID 0", static("static: {local_tunnel_id: 0, peer_tunnel_id: 4294967296}", theSession), `
peers.ce5.static.local_tunnel_id: 0 is below the minimum; expected at least 1
peers.ce5.static.peer_tunnel_id: "4294967296" is not a number up to 4294967295`},
		{"invalid cookies", static(theTunnel, `static: {local_session_id: 11, peer_session_id: 22, local_cookie: "123456", peer_cookie: 12345678}`), `
vpns.red.links[0].static.local_cookie: invalid cookie; expected 8 or 16 hexadecimal digits, in quotes
vpns.red.links[0].static.peer_cookie: expected 4 or 8 octets in hexadecimal, in quotes; got a number`},
		{"keys of the control connection", static("secret_file: pe2.secret\nrole: active\nretransmit: {cap: 9s}\n"+theTunnel, theSession), `
peers.ce5.secret_file: configures the control connection, but signalling: static has none; remove this key, or set signalling: l2tp
peers.ce5.role: configures the control connection, but signalling: static has none; remove this key, or set signalling: l2tp
peers.ce5.retransmit.cap: configures the control connection, but signalling: static has none; remove this key, or set signalling: l2tp`},
		{"static keys with signalling: l2tp", strings.Replace(static("authentication: none\n"+theTunnel, theSession), "signalling: static", "signalling: l2tp", 1), `
peers.ce5.static.local_tunnel_id: only valid for a static peer; set signalling: static or remove this key
peers.ce5.static.peer_tunnel_id: only valid for a static peer; set signalling: static or remove this key
vpns.red.links[0].static.local_session_id: only valid for a link to a static peer, but the signalling of ce5 is l2tp; remove this key
vpns.red.links[0].static.peer_session_id: only valid for a link to a static peer, but the signalling of ce5 is l2tp; remove this key`},
		{"a port over IP", static("encapsulation: ip\nstatic: {local_tunnel_id: 1, peer_tunnel_id: 2, local_port: 5001}", theSession), `
peers.ce5.static.local_port: is a UDP port, but encapsulation: ip has none; remove this key, or set encapsulation: udp`},
		{"keys of IPsec", static("port_protected: 1703\nike: {dpd: 10s}\n"+theTunnel, theSession), `
peers.ce5.port_protected: configures IPsec, which links to a static peer do not support; remove this key, or set signalling: l2tp
peers.ce5.ike.dpd: configures IPsec, which links to a static peer do not support; remove this key, or set signalling: l2tp`},
		{"IPsec", static(theTunnel, "ipsec: required\n"+theSession), `
vpns.red.links[0].ipsec: "required" is not supported for a link to a static peer such as ce5; use none, or signalling: l2tp`},
		{"an ID reserved for protected sessions", strings.Replace(static("encapsulation: ip\n"+theTunnel, "static: {local_session_id: 0x80000000, peer_session_id: 22}"), "vpns:", `  pe2: {address: 192.0.2.2, authentication: none, ike: {psk_file: pe2.psk}}
vpns:
  blue: {vpn_id: 5e:2, vr: {netns: blue}, ipsec: required, links: [{peer: pe2}]}`, 1), `
vpns.red.links[0].static.local_session_id: 2147483648 is reserved for protected sessions, because some links require IPsec: data messages to it in the clear are dropped; expected at most 2147483647`},
		{"an ID twice", strings.Replace(static(theTunnel, "interface: red5\n"+theSession), "vpns:", `  ce6:
    address: 192.0.2.6
    signalling: static
    `+theTunnel+`
vpns:
  blue:
    vpn_id: 5e:2
    vr: {netns: blue}
    links:
      - {peer: ce5, `+theSession+`}
      - {peer: ce6, `+theSession+`}`, 1), `
peers.ce6.static.local_tunnel_id: "3001" is already used in this router by peers.ce5.static.local_tunnel_id; use another
vpns.red.links[0].static.local_session_id: "11" is already used in the tunnel to ce5 by vpns.blue.links[0].static.local_session_id; use another`},
		{"the same two ports", strings.Replace(static(theTunnel, theSession), "vpns:", `  ce6:
    address: 192.0.2.5
    signalling: static
    static: {local_tunnel_id: 3002, peer_tunnel_id: 4001}
vpns:`, 1), `
peers.ce6.address: "192.0.2.5:1702" is also the address of peer ce5; use another address, port or local_address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, inFolder(t, "l2tpvl.yaml", tt.text), strings.ReplaceAll(tt.want, "\n", "\nFILE: ")[1:])
		})
	}

	// Different local ports are enough to distinguish two tunnels to a peer.
	text := strings.Replace(static(theTunnel, theSession), "vpns:", `  ce6:
    address: 192.0.2.5
    signalling: static
    static: {local_tunnel_id: 3002, peer_tunnel_id: 4001, local_port: 5002}
vpns:`, 1)
	if _, err := Load(inFolder(t, "l2tpvl.yaml", text)); err != nil {
		t.Error(err)
	}
}
