package ppp

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// AuthConfig configures the authentication of a link (RFC 1661, section 3.5):
// what the peer must prove to us, and what we are ready to prove to the peer.
// Each is a protocol, ProtocolCHAP (RFC 1994, with MD5) or ProtocolPAP
// (RFC 1334), which shows the secret to whoever reads the link.
type AuthConfig struct {
	// Require is the protocol by which the peer must authenticate itself. It is
	// insisted on: without it no network protocol runs. Zero: none.
	Require Protocol
	// Allow are the protocols by which we authenticate ourselves if the peer
	// requires it. CHAP is offered before PAP.
	Allow []Protocol

	Name   string // what we call ourselves, 1 to 255 octets
	Secret Secret // that proves that we are Name, 1 to 255 octets; for Allow

	PeerName   string // what the peer must call itself; empty: anything but Name
	PeerSecret Secret // that proves it, 1 to 255 octets; for Require

	// Rechallenge is the mean time between two challenges of an opened link, with
	// CHAP. Zero: the peer is challenged once.
	Rechallenge time.Duration
}

// Secret is a secret. However it is printed, it does not show itself.
type Secret []byte

// Format prints a stand-in, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(secret)") }

// maxNameLen bounds names and secrets: PAP has an octet for their lengths.
const maxNameLen = 255

func (c *AuthConfig) validate() error {
	authenticates := func(p Protocol) bool { return p == ProtocolCHAP || p == ProtocolPAP }
	fits := func(n int) bool { return n >= 1 && n <= maxNameLen }
	for _, p := range c.Allow {
		if !authenticates(p) {
			return fmt.Errorf("ppp: Auth: Allow %v: must be CHAP or PAP", p)
		}
	}
	switch {
	case c.Require != 0 && !authenticates(c.Require):
		return fmt.Errorf("ppp: Auth: Require %v: must be CHAP, PAP or none", c.Require)
	case c.Require == 0 && len(c.Allow) == 0:
		return errors.New("ppp: Auth: must Require or Allow a protocol")
	case !fits(len(c.Name)):
		return fmt.Errorf("ppp: Auth: Name of %d octets: must be 1 to %d", len(c.Name), maxNameLen)
	case len(c.PeerName) > maxNameLen:
		return fmt.Errorf("ppp: Auth: PeerName of %d octets: must be at most %d", len(c.PeerName), maxNameLen)
	case c.Name == c.PeerName:
		return fmt.Errorf("ppp: Auth: Name and PeerName are both %q: must differ", c.Name)
	case len(c.Allow) > 0 && !fits(len(c.Secret)):
		return fmt.Errorf("ppp: Auth: Secret of %d octets: must be 1 to %d", len(c.Secret), maxNameLen)
	case c.Require != 0 && !fits(len(c.PeerSecret)):
		return fmt.Errorf("ppp: Auth: PeerSecret of %d octets: must be 1 to %d", len(c.PeerSecret), maxNameLen)
	case c.Rechallenge < 0:
		return fmt.Errorf("ppp: Auth: Rechallenge %v: must not be negative", c.Rechallenge)
	case c.Rechallenge > 0 && c.Require != ProtocolCHAP:
		return fmt.Errorf("ppp: Auth: Rechallenge %v: must go with CHAP required", c.Rechallenge)
	}
	return nil
}

// required is the protocol that we require of the peer, or zero.
func (c *AuthConfig) required() Protocol {
	if c == nil {
		return 0
	}
	return c.Require
}

// allows tells whether we authenticate ourselves by p.
func (c *AuthConfig) allows(p Protocol) bool { return c != nil && slices.Contains(c.Allow, p) }

// preferred is the best protocol by which we authenticate ourselves, or zero.
func (c *AuthConfig) preferred() Protocol {
	for _, p := range []Protocol{ProtocolCHAP, ProtocolPAP} {
		if c.allows(p) {
			return p
		}
	}
	return 0
}

// checkName tells why the name that the peer gave itself cannot be its own,
// or returns "".
func (c *AuthConfig) checkName(p Protocol, name []byte) string {
	switch {
	case c.PeerName != "" && !equalConstantTime(name, []byte(c.PeerName)):
		return fmt.Sprintf("%v: the peer named itself %q, expected %q", p, printable(name), c.PeerName)
	case string(name) == c.Name:
		return fmt.Sprintf("%v: the peer named itself %q, which is our own name", p, c.Name)
	}
	return ""
}

// same compares in a time that says nothing about where the two differ.
func equalConstantTime(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// AuthState is how far one direction of the authentication is.
type AuthState uint8

// The states of an authentication.
const (
	AuthNone    AuthState = iota // not agreed on
	AuthPending                  // under way
	AuthPassed
	AuthFailed
)

// String returns the state in a word.
func (s AuthState) String() string {
	return [...]string{"none", "pending", "passed", "failed"}[s]
}

// proof is one direction of the authentication.
type authDirection struct {
	protocol Protocol
	state    AuthState
	name     string    // what the peer called itself last
	passed   time.Time // when it last succeeded

	id       uint8 // Identifier of the last Challenge or Authenticate-Request
	waiting  bool  // what we sent last has had no answer
	tries    int   // transmissions left
	interval time.Duration
	timer    time.Time // zero: not running
}

// begin starts afresh. The Identifier goes on: it must change.
func (p *authDirection) begin(protocol Protocol) {
	*p = authDirection{protocol: protocol, id: p.id}
	if protocol != 0 {
		p.state = AuthPending
	}
}

func (p *authDirection) stop() {
	p.waiting, p.timer = false, time.Time{}
	if p.state != AuthFailed {
		p.state = AuthNone
	}
}

func (p *authDirection) ok() bool { return p.state == AuthNone || p.state == AuthPassed }

// arm has p wait for an answer, with a number of transmissions.
func (p *authDirection) expectAnswer(tries int, interval time.Duration) {
	p.waiting, p.tries, p.interval = true, tries, interval
}

// sent accounts for a transmission.
func (p *authDirection) sent(now time.Time) {
	p.tries--
	p.timer = now.Add(p.interval)
}

// pass says that the proof was given.
func (p *authDirection) pass(now time.Time) {
	p.state, p.passed, p.waiting, p.timer = AuthPassed, now, false, time.Time{}
}

// named keeps the name that the peer called itself.
func (p *authDirection) setName(name []byte) {
	if p.name != string(name) {
		p.name = printable(name)
	}
}

// auth is the authentication of a Link.
type auth struct {
	peer  authDirection // of the peer to us
	local authDirection // of us to the peer

	challenge [challengeLen]byte // our last one
	response  [responseLen]byte  // our last one
	refused   string             // the peer's Failure or Authenticate-Nak: why it will terminate
}

// runs tells whether p is agreed on in some direction. A nil auth runs nothing.
func (a *auth) runs(p Protocol) bool {
	return a != nil && p != 0 && (a.peer.protocol == p || a.local.protocol == p)
}

// done tells whether network protocols may run.
func (a *auth) done() bool { return a == nil || a.peer.ok() && a.local.ok() }

func (a *auth) deadline() time.Time { return timing.Earliest(a.peer.timer, a.local.timer) }

// stop ends what goes on. What has failed is kept, for the operator.
func (a *auth) stop() {
	a.peer.stop()
	a.local.stop()
}

// patience is how long we wait for what the peer must send first.
func (l *Link) authTimeout() time.Duration { return time.Duration(l.cfg.MaxConfigure) * l.cfg.Restart }

// authenticate enters the Authentication phase, which may be over at once.
func (l *Link) authenticate(now time.Time, out *Output) {
	l.auth.refused = ""
	l.auth.peer.begin(l.cfg.Auth.required())
	l.auth.local.begin(l.options.localAuth)
	switch l.auth.peer.protocol {
	case ProtocolCHAP:
		l.challenge(now, out)
	case ProtocolPAP:
		l.auth.peer.timer = now.Add(l.authTimeout())
	}
	switch l.auth.local.protocol {
	case ProtocolCHAP:
		l.auth.local.timer = now.Add(l.authTimeout())
	case ProtocolPAP:
		l.auth.local.expectAnswer(l.cfg.MaxConfigure, l.lcp.interval)
		l.sendAuthenticateRequest(now, out)
	}
	l.authenticated(now, out)
}

// authenticated leaves the Authentication phase if it is over.
func (l *Link) authenticated(now time.Time, out *Output) {
	if l.auth.done() {
		l.startNetworks(now, out)
	}
}

// receiveAuth takes a packet of an authentication protocol that is agreed on.
func (l *Link) receiveAuth(now time.Time, p Protocol, in packet, out *Output) Discard {
	if p == ProtocolCHAP {
		return l.receiveCHAP(now, in, out)
	}
	return l.receivePAP(now, in, out)
}

// failAuth ends the link, because an authentication has failed. The peer is
// told no more than it may know.
func (l *Link) failAuth(now time.Time, p *authDirection, reason, terminateText string, out *Output) {
	p.state = AuthFailed
	l.lcp.terminateText = terminateText
	l.failLCP(now, reason, out)
}

// refused takes the peer's refusal. It has to terminate the link (RFC 1661,
// section 3.5); if it does not, we do.
func (l *Link) refused(now time.Time, message []byte) {
	p := &l.auth.local
	l.auth.refused = fmt.Sprintf("%v: %s rejected our authentication", p.protocol, l.peerText())
	if len(message) > 0 {
		l.auth.refused += ": " + printable(message)
	}
	p.state, p.waiting, p.timer = AuthFailed, false, now.Add(l.cfg.Restart)
}

// peerText is how to speak of the peer.
func (l *Link) peerText() string {
	if name := l.auth.local.name; name != "" {
		return name
	}
	return "the peer"
}

// advanceAuth acts on the timers of the authentication.
func (l *Link) advanceAuth(now time.Time, out *Output) {
	if timing.Due(l.auth.peer.timer, now) {
		l.peerTimeout(now, out)
	}
	if timing.Due(l.auth.local.timer, now) {
		l.localTimeout(now, out)
	}
}

// peerTimeout: the peer has not proved who it is, or is to do so again.
func (l *Link) peerTimeout(now time.Time, out *Output) {
	p := &l.auth.peer
	switch {
	case p.protocol == ProtocolPAP:
		reason := fmt.Sprintf("PAP: no Authenticate-Request from the peer within %g s", l.authTimeout().Seconds())
		l.failAuth(now, p, reason, "PAP: no Authenticate-Request", out)
	case !p.waiting:
		l.challenge(now, out)
	case p.tries <= 0:
		reason := fmt.Sprintf("CHAP: the peer did not answer %d Challenges", l.cfg.MaxConfigure)
		l.failAuth(now, p, reason, "CHAP: no Response", out)
	default:
		p.interval = min(2*p.interval, l.cfg.Restart)
		l.sendChallenge(now, out)
	}
}

// localTimeout: the peer has not said whether it knows us.
func (l *Link) localTimeout(now time.Time, out *Output) {
	p := &l.auth.local
	switch {
	case p.state == AuthFailed:
		l.failAuth(now, p, l.auth.refused, "", out)
	case !p.waiting:
		l.failAuth(now, p, fmt.Sprintf("CHAP: no Challenge from the peer within %g s", l.authTimeout().Seconds()), "", out)
	case p.tries > 0:
		p.interval = min(2*p.interval, l.cfg.Restart)
		if p.protocol == ProtocolPAP {
			l.sendAuthenticateRequest(now, out)
		} else {
			l.sendResponse(now, out)
		}
	case p.state == AuthPending:
		what := map[Protocol]string{ProtocolCHAP: "Responses", ProtocolPAP: "Authenticate-Requests"}[p.protocol]
		l.failAuth(now, p, fmt.Sprintf("%v: the peer did not answer %d %s", p.protocol, l.cfg.MaxConfigure, what), "", out)
	default: // challenged again, and it is for the peer to draw conclusions
		p.waiting, p.timer = false, time.Time{}
	}
}
