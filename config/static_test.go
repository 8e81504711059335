package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// static is a configuration with a static peer and a link to it; what is given follows the keys of
// these.
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
		t.Errorf("local port %d, want that of the router", port)
	}
}

func TestStaticMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no tunnel IDs", static("", theSession), `
peers.ce5.static.local_tunnel_id: is missing, and signalling: static needs it; want the ID that both ends are configured with
peers.ce5.static.peer_tunnel_id: is missing, and signalling: static needs it; want the ID that both ends are configured with`},
		{"no session IDs", static(theTunnel, ""), `
vpns.red.links[0].static.local_session_id: is missing, and signalling: static needs it; want the ID that both ends are configured with
vpns.red.links[0].static.peer_session_id: is missing, and signalling: static needs it; want the ID that both ends are configured with`},
		{"ID 0", static("static: {local_tunnel_id: 0, peer_tunnel_id: 4294967296}", theSession), `
peers.ce5.static.local_tunnel_id: 0 is too little; want 1 or more
peers.ce5.static.peer_tunnel_id: "4294967296" is not a number up to 4294967295`},
		{"cookies that are none", static(theTunnel, `static: {local_session_id: 11, peer_session_id: 22, local_cookie: "123456", peer_cookie: 12345678}`), `
vpns.red.links[0].static.local_cookie: is no cookie; want 8 or 16 hexadecimal digits, in quotes
vpns.red.links[0].static.peer_cookie: is a number; want 4 or 8 octets in hexadecimal, in quotes`},
		{"what belongs to a control connection", static("secret_file: pe2.secret\nrole: active\nretransmit: {cap: 9s}\n"+theTunnel, theSession), `
peers.ce5.secret_file: belongs to a control connection, and signalling: static has none; want this key gone, or signalling: l2tp
peers.ce5.role: belongs to a control connection, and signalling: static has none; want this key gone, or signalling: l2tp
peers.ce5.retransmit.cap: belongs to a control connection, and signalling: static has none; want this key gone, or signalling: l2tp`},
		{"static keys and signalling", strings.Replace(static("authentication: none\n"+theTunnel, theSession), "signalling: static", "signalling: l2tp", 1), `
peers.ce5.static.local_tunnel_id: is for a static peer; want signalling: static, or not this key
peers.ce5.static.peer_tunnel_id: is for a static peer; want signalling: static, or not this key
vpns.red.links[0].static.local_session_id: is for a link to a static peer, and the signalling of ce5 is l2tp; want this key gone
vpns.red.links[0].static.peer_session_id: is for a link to a static peer, and the signalling of ce5 is l2tp; want this key gone`},
		{"a port over IP", static("encapsulation: ip\nstatic: {local_tunnel_id: 1, peer_tunnel_id: 2, local_port: 5001}", theSession), `
peers.ce5.static.local_port: is a UDP port, and encapsulation: ip has none; want this key gone, or encapsulation: udp`},
		{"what IPsec needs", static("port_protected: 1703\nike: {dpd: 10s}\n"+theTunnel, theSession), `
peers.ce5.port_protected: is for links that IPsec protects, which those to a static peer cannot be; want this key gone, or signalling: l2tp
peers.ce5.ike.dpd: is for links that IPsec protects, which those to a static peer cannot be; want this key gone, or signalling: l2tp`},
		{"IPsec", static(theTunnel, "ipsec: required\n"+theSession), `
vpns.red.links[0].ipsec: "required" is not to be had for a link to a static peer, such as ce5; want none, or signalling: l2tp`},
		{"an ID of protected sessions", strings.Replace(static("encapsulation: ip\n"+theTunnel, "static: {local_session_id: 0x80000000, peer_session_id: 22}"), "vpns:", `  pe2: {address: 192.0.2.2, authentication: none, ike: {psk_file: pe2.psk}}
vpns:
  blue: {vpn_id: 5e:2, vr: {netns: blue}, ipsec: required, links: [{peer: pe2}]}`, 1), `
vpns.red.links[0].static.local_session_id: 2147483648 is an ID as only protected sessions have, as some links require IPsec: data messages in clear to it are dropped; want at most 2147483647`},
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
peers.ce6.static.local_tunnel_id: "3001" is taken in this router by peers.ce5.static.local_tunnel_id; want another
vpns.red.links[0].static.local_session_id: "11" is taken in the tunnel to ce5 by vpns.blue.links[0].static.local_session_id; want another`},
		{"the same two ports", strings.Replace(static(theTunnel, theSession), "vpns:", `  ce6:
    address: 192.0.2.5
    signalling: static
    static: {local_tunnel_id: 3002, peer_tunnel_id: 4001}
vpns:`, 1), `
peers.ce6.address: "192.0.2.5:1702" is also the address of peer ce5; want another address, port or local_address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkMistakes(t, inFolder(t, "l2tpvl.yaml", tt.text), strings.ReplaceAll(tt.want, "\n", "\nFILE: ")[1:])
		})
	}

	// Another port here is enough to tell two tunnels to a peer apart.
	text := strings.Replace(static(theTunnel, theSession), "vpns:", `  ce6:
    address: 192.0.2.5
    signalling: static
    static: {local_tunnel_id: 3002, peer_tunnel_id: 4001, local_port: 5002}
vpns:`, 1)
	if _, err := Load(inFolder(t, "l2tpvl.yaml", text)); err != nil {
		t.Error(err)
	}
}
