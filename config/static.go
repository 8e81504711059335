package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Signalling is how the two ends of a session agree on it.
type Signalling string

// The ways to agree.
const (
	SignallingL2TP   Signalling = "l2tp"   // by control messages (RFC 3931 section 3.3)
	SignallingStatic Signalling = "static" // by the configurations of both ends
)

// StaticTunnel is the tunnel to a peer without signalling.
type StaticTunnel struct {
	LocalTunnelID uint32 `key:"local_tunnel_id" like:"3001" min:"1" doc:"ID of the tunnel here (Control Connection ID, RFC 3931 section 3.1): what the peer's configuration calls the peer's tunnel ID. Static peers need it; data messages do not carry it."`
	PeerTunnelID  uint32 `key:"peer_tunnel_id" like:"4001" min:"1" doc:"ID of the tunnel at the peer. Static peers need it."`
	LocalPort     uint16 `key:"local_port" derived:"local.port" min:"1" doc:"UDP port here, to and from which this peer's data messages go."`
}

// StaticSession is the session of a link to a peer without signalling.
type StaticSession struct {
	LocalSessionID uint32 `key:"local_session_id" like:"11" min:"1" doc:"ID of the session here, which the peer's data messages carry. Links to static peers need it."`
	PeerSessionID  uint32 `key:"peer_session_id" like:"22" min:"1" doc:"ID of the session at the peer, which our data messages carry. Links to static peers need it."`
	LocalCookie    Cookie `key:"local_cookie" hidden:"yes" derived:"none" doc:"What the peer's data messages carry after the session ID; those with anything else are dropped. Without it, whoever guesses the session ID and forges the peer's address can send into the link."`
	PeerCookie     Cookie `key:"peer_cookie" hidden:"yes" derived:"none" doc:"What our data messages carry after the session ID."`
}

// Cookie is a cookie of RFC 3931 section 4.1; empty: there is none.
type Cookie struct{ Octets []byte }

// UnmarshalText reads 4 or 8 octets in hexadecimal.
func (c *Cookie) UnmarshalText(text []byte) error {
	octets, err := hex.DecodeString(string(text))
	if err != nil || len(octets) != 4 && len(octets) != 8 {
		return errors.New("is no cookie; want 8 or 16 hexadecimal digits, in quotes")
	}
	c.Octets = octets
	return nil
}

// IsStatic reports whether there is no control connection to the peer.
func (p *Peer) IsStatic() bool { return p.Signalling == SignallingStatic }

// LocalPort is the port from which the links of a peer that need no IPsec are sent; 0 over IP.
func (c *Config) LocalPort(p Peer) uint16 {
	switch {
	case p.Encapsulation == EncapsulationIP:
		return 0
	case p.Static.LocalPort != 0:
		return p.Static.LocalPort
	}
	return c.Local.Port
}

// completeStatic gives static peers the values that follow from others.
func (c *Config) completeStatic() {
	for i := range c.Peers {
		p := &c.Peers[i]
		if p.IsStatic() {
			p.Authentication = AuthenticationNone
			p.Static.LocalPort = c.LocalPort(*p)
		}
	}
}

// peer is the peer of that name; nil: there is none.
func (c *Config) peer(name string) *Peer {
	i := slices.IndexFunc(c.Peers, func(p Peer) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Peers[i]
}

// ofControl are the keys of a peer that say something of its control connection.
var ofControl = []string{
	"authentication", "secret_file", "secret_env", "next_secret_file", "next_secret_env", "digest", "role", "hello",
	"retransmit.initial", "retransmit.cap", "retransmit.retries",
}

// checkStatic reports what static peers and their links lack, or others have in vain.
func (c *Config) checkStatic(r *report) {
	used := uses{}
	protects := c.protects()
	for _, p := range c.Peers {
		p.checkStatic(r, used)
	}
	for _, v := range c.VPNs {
		for i, l := range v.Links {
			if p := c.peer(l.Peer); p != nil {
				l.checkStatic(r, p, func(k string) string { return linkKey(v.Name, i, k) }, used, protects)
			}
		}
	}
}

func (p *Peer) checkStatic(r *report, used uses) {
	at := join("peers", p.Name)
	tunnel := join(at, "static")
	if !p.IsStatic() {
		for _, key := range []string{"local_tunnel_id", "peer_tunnel_id", "local_port"} {
			if key := join(tunnel, key); r.wrote(key) {
				r.add(key, "is for a static peer; want signalling: static, or not this key")
			}
		}
		return
	}
	for _, key := range ofControl {
		if key := at + "." + key; r.wrote(key) {
			r.add(key, "belongs to a control connection, and signalling: static has none; want this key gone, or signalling: l2tp")
		}
	}
	for _, key := range r.written {
		if key == join(at, "port_protected") || strings.HasPrefix(key, join(at, "ike")+".") {
			r.add(key, "is for links that IPsec protects, which those to a static peer cannot be; want this key gone, or signalling: l2tp")
		}
	}
	if key := join(tunnel, "local_port"); p.Encapsulation == EncapsulationIP && r.wrote(key) {
		r.add(key, "is a UDP port, and encapsulation: ip has none; want this key gone, or encapsulation: udp")
	}
	needID(r, join(tunnel, "local_tunnel_id"), p.Static.LocalTunnelID)
	needID(r, join(tunnel, "peer_tunnel_id"), p.Static.PeerTunnelID)
	if id := p.Static.LocalTunnelID; id != 0 {
		used.claim(r, join(tunnel, "local_tunnel_id"), "this router", fmt.Sprint(id))
	}
}

// needID reports an ID that is not there.
func needID(r *report, key string, id uint32) {
	if id == 0 && !r.told(key) {
		r.add(key, "is missing, and signalling: static needs it; want the ID that both ends are configured with")
	}
}

func (l *Link) checkStatic(r *report, p *Peer, key func(string) string, used uses, protects bool) {
	at := key("static")
	if !p.IsStatic() {
		for _, k := range []string{"local_session_id", "peer_session_id", "local_cookie", "peer_cookie"} {
			if k := join(at, k); r.wrote(k) {
				r.add(k, "is for a link to a static peer, and the signalling of %s is %s; want this key gone", p.Name, p.Signalling)
			}
		}
		return
	}
	needID(r, join(at, "local_session_id"), l.Static.LocalSessionID)
	needID(r, join(at, "peer_session_id"), l.Static.PeerSessionID)
	where := "the tunnel to " + p.Name
	if p.Encapsulation == EncapsulationIP {
		where = "tunnels over IP" // which data messages do not name
	}
	if id := l.Static.LocalSessionID; id != 0 {
		used.claim(r, join(at, "local_session_id"), where, fmt.Sprint(id))
	}
	if id := l.Static.LocalSessionID; protects && p.Encapsulation == EncapsulationIP && id&ProtectedSessionIDs != 0 {
		r.add(join(at, "local_session_id"), "%d is an ID as only protected sessions have, as some links require IPsec: data messages in clear to it are dropped; want at most %d",
			id, ProtectedSessionIDs-1)
	}
	if l.IPsec == IPsecRequired {
		r.add(key("ipsec"), "%q is not to be had for a link to a static peer, such as %s; want none, or signalling: l2tp", l.IPsec, p.Name)
	}
}
