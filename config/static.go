package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Signalling is the way in which the two ends agree on sessions.
type Signalling string

// The values of Signalling.
const (
	SignallingL2TP   Signalling = "l2tp"   // by control messages (RFC 3931, section 3.3)
	SignallingStatic Signalling = "static" // by the configurations of both ends
)

// StaticTunnel is the tunnel to a peer without signalling.
type StaticTunnel struct {
	LocalTunnelID uint32 `key:"local_tunnel_id" example:"3001" min:"1" doc:"Local ID of the tunnel (Control Connection ID, RFC 3931, section 3.1). The other end has the same number as its peer_tunnel_id. Required for static peers; data messages do not carry it."`
	PeerTunnelID  uint32 `key:"peer_tunnel_id" example:"4001" min:"1" doc:"ID of the tunnel at the peer: the local ID of the other end. Required for static peers."`
	LocalPort     uint16 `key:"local_port" derived:"local.port" min:"1" doc:"Local UDP port for data messages to and from this peer."`
}

// StaticSession is the session of a link to a peer without signalling.
type StaticSession struct {
	LocalSessionID uint32 `key:"local_session_id" example:"11" min:"1" doc:"Local ID of the session, which the peer's data messages carry. Required for links to static peers."`
	PeerSessionID  uint32 `key:"peer_session_id" example:"22" min:"1" doc:"ID of the session at the peer, which data messages to the peer carry. Required for links to static peers."`
	LocalCookie    Cookie `key:"local_cookie" hidden:"yes" derived:"none" doc:"Cookie that the peer's data messages carry after the session ID; messages with another one are dropped. Without it, an attacker who guesses the session ID and forges the peer's address can send packets into the link."`
	PeerCookie     Cookie `key:"peer_cookie" hidden:"yes" derived:"none" doc:"Cookie that data messages to the peer carry after the session ID."`
}

// Cookie is a cookie (RFC 3931, section 4.1); empty: none.
type Cookie struct{ Octets []byte }

// UnmarshalText parses 4 or 8 octets in hexadecimal.
func (c *Cookie) UnmarshalText(text []byte) error {
	octets, err := hex.DecodeString(string(text))
	if err != nil || len(octets) != 4 && len(octets) != 8 {
		return errors.New("invalid cookie; expected 8 or 16 hexadecimal digits, in quotes")
	}
	c.Octets = octets
	return nil
}

// IsStatic reports whether the peer has no control connection.
func (p *Peer) IsStatic() bool { return p.Signalling == SignallingStatic }

// LocalPort returns the local UDP port for the links to a peer without IPsec; 0 over IP.
func (c *Config) LocalPort(p Peer) uint16 {
	switch {
	case p.Encapsulation == EncapsulationIP:
		return 0
	case p.Static.LocalPort != 0:
		return p.Static.LocalPort
	}
	return c.Local.Port
}

// completeStatic sets the values of static peers that follow from others.
func (c *Config) completeStatic() {
	for i := range c.Peers {
		p := &c.Peers[i]
		if p.IsStatic() {
			p.Authentication = AuthenticationNone
			p.Static.LocalPort = c.LocalPort(*p)
		}
	}
}

// peer returns the peer of that name, or nil.
func (c *Config) peer(name string) *Peer {
	i := slices.IndexFunc(c.Peers, func(p Peer) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Peers[i]
}

// controlKeys are the keys of a peer that configure its control connection.
var controlKeys = []string{
	"authentication", "secret_file", "secret_env", "next_secret_file", "next_secret_env", "digest", "role", "hello",
	"retransmit.initial", "retransmit.cap", "retransmit.retries",
}

// checkStatic reports keys that static peers and their links lack, and keys that have no effect
// because signalling does not match.
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
			if key := join(tunnel, key); r.isSet(key) {
				r.add(key, "only valid for a static peer; set signalling: static or remove this key")
			}
		}
		return
	}
	for _, key := range controlKeys {
		if key := at + "." + key; r.isSet(key) {
			r.add(key, "configures the control connection, but signalling: static has none; remove this key, or set signalling: l2tp")
		}
	}
	for _, key := range r.set {
		if key == join(at, "port_protected") || strings.HasPrefix(key, join(at, "ike")+".") {
			r.add(key, "configures IPsec, which links to a static peer do not support; remove this key, or set signalling: l2tp")
		}
	}
	if key := join(tunnel, "local_port"); p.Encapsulation == EncapsulationIP && r.isSet(key) {
		r.add(key, "is a UDP port, but encapsulation: ip has none; remove this key, or set encapsulation: udp")
	}
	needID(r, join(tunnel, "local_tunnel_id"), p.Static.LocalTunnelID)
	needID(r, join(tunnel, "peer_tunnel_id"), p.Static.PeerTunnelID)
	if id := p.Static.LocalTunnelID; id != 0 {
		used.claim(r, join(tunnel, "local_tunnel_id"), "this router", fmt.Sprint(id))
	}
}

// needID reports a missing ID.
func needID(r *report, key string, id uint32) {
	if id == 0 && !r.reported(key) {
		r.add(key, "missing, but required with signalling: static; expected the ID configured at both ends")
	}
}

func (l *Link) checkStatic(r *report, p *Peer, key func(string) string, used uses, protects bool) {
	at := key("static")
	if !p.IsStatic() {
		for _, k := range []string{"local_session_id", "peer_session_id", "local_cookie", "peer_cookie"} {
			if k := join(at, k); r.isSet(k) {
				r.add(k, "only valid for a link to a static peer, but the signalling of %s is %s; remove this key", p.Name, p.Signalling)
			}
		}
		return
	}
	needID(r, join(at, "local_session_id"), l.Static.LocalSessionID)
	needID(r, join(at, "peer_session_id"), l.Static.PeerSessionID)
	where := "the tunnel to " + p.Name
	if p.Encapsulation == EncapsulationIP {
		where = "tunnels over IP" // their data messages do not carry the tunnel ID
	}
	if id := l.Static.LocalSessionID; id != 0 {
		used.claim(r, join(at, "local_session_id"), where, fmt.Sprint(id))
	}
	if id := l.Static.LocalSessionID; protects && p.Encapsulation == EncapsulationIP && id&ProtectedSessionIDs != 0 {
		r.add(join(at, "local_session_id"), "%d is reserved for protected sessions, because some links require IPsec: data messages to it in the clear are dropped; expected at most %d",
			id, ProtectedSessionIDs-1)
	}
	if l.IPsec == IPsecRequired {
		r.add(key("ipsec"), "%q is not supported for a link to a static peer such as %s; use none, or signalling: l2tp", l.IPsec, p.Name)
	}
}
