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

// AuthConfig configures the authentication of a link (RFC 1661, section 3.5) in both directions:
// how the peer must authenticate itself to us, and how we may authenticate ourselves to the peer.
// The protocols are ProtocolCHAP (RFC 1994, with MD5) and ProtocolPAP (RFC 1334). PAP sends the
// secret in the clear.
type AuthConfig struct {
	// Require is the protocol by which the peer must authenticate itself. If the peer does not, no
	// network protocol starts. Zero: none.
	Require Protocol
	// Allow lists the protocols by which we authenticate ourselves if the peer requires it. CHAP is
	// preferred to PAP.
	Allow []Protocol

	Name   string // our name, 1 to 255 octets
	Secret Secret // our secret, 1 to 255 octets; used with Allow

	PeerName   string // the name that the peer must use; empty: any except Name
	PeerSecret Secret // the peer's secret, 1 to 255 octets; used with Require

	// Rechallenge is the mean time between two Challenges on an opened link; only with CHAP
	// required. Zero: the peer is challenged once.
	Rechallenge time.Duration
}

// Secret is a secret that package fmt does not print.
type Secret []byte

// Format prints "(secret)" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(secret)") }

// maxNameLen limits names and secrets: PAP has one octet for each length.
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
		return fmt.Errorf("ppp: Auth: Rechallenge %v: only with CHAP in Require", c.Rechallenge)
	}
	return nil
}

// required returns the protocol that we require of the peer, or zero.
func (c *AuthConfig) required() Protocol {
	if c == nil {
		return 0
	}
	return c.Require
}

// allows reports whether we may authenticate ourselves by p.
func (c *AuthConfig) allows(p Protocol) bool { return c != nil && slices.Contains(c.Allow, p) }

// preferred returns the best protocol by which we may authenticate ourselves, or zero.
func (c *AuthConfig) preferred() Protocol {
	for _, p := range []Protocol{ProtocolCHAP, ProtocolPAP} {
		if c.allows(p) {
			return p
		}
	}
	return 0
}

// checkName returns why the name that the peer sent is not acceptable, or "".
func (c *AuthConfig) checkName(p Protocol, name []byte) string {
	switch {
	case c.PeerName != "" && !equalConstantTime(name, []byte(c.PeerName)):
		return fmt.Sprintf("%v: the peer named itself %q, expected %q", p, printable(name), c.PeerName)
	case string(name) == c.Name:
		return fmt.Sprintf("%v: the peer named itself %q, which is our own name", p, c.Name)
	}
	return ""
}

// equalConstantTime compares in a time that does not depend on where a and b differ.
func equalConstantTime(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// AuthState is the state of one direction of the authentication.
type AuthState uint8

// The states of an authentication.
const (
	AuthNone    AuthState = iota // not agreed on
	AuthPending                  // under way
	AuthPassed
	AuthFailed
)

// String returns the state as one word.
func (s AuthState) String() string {
	return [...]string{"none", "pending", "passed", "failed"}[s]
}

// proof is one direction of the authentication.
type authDirection struct {
	protocol Protocol
	state    AuthState
	name     string    // the last name that the peer sent
	passed   time.Time // when it last succeeded

	id       uint8 // Identifier of the last Challenge or Authenticate-Request
	waiting  bool  // our last packet has not been answered
	tries    int   // transmissions left
	interval time.Duration
	timer    time.Time // zero: not running
}

// begin restarts the authentication. It keeps the Identifier, which must change from one
// authentication to the next.
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

// expectAnswer starts to wait for an answer, with a number of transmissions.
func (p *authDirection) expectAnswer(tries int, interval time.Duration) {
	p.waiting, p.tries, p.interval = true, tries, interval
}

// sent counts a transmission and starts the timer.
func (p *authDirection) sent(now time.Time) {
	p.tries--
	p.timer = now.Add(p.interval)
}

// pass records that the authentication succeeded.
func (p *authDirection) pass(now time.Time) {
	p.state, p.passed, p.waiting, p.timer = AuthPassed, now, false, time.Time{}
}

// setName records the name that the peer sent.
func (p *authDirection) setName(name []byte) {
	if p.name != string(name) {
		p.name = printable(name)
	}
}

// auth is the authentication of a Link.
type auth struct {
	peer  authDirection // of the peer to us
	local authDirection // of us to the peer

	challenge [challengeLen]byte // the last one that we sent
	response  [responseLen]byte  // the last one that we sent
	refused   string             // reason of the peer's Failure or Authenticate-Nak
}

// runs reports whether p is agreed on in at least one direction. A nil auth runs nothing.
func (a *auth) runs(p Protocol) bool {
	return a != nil && p != 0 && (a.peer.protocol == p || a.local.protocol == p)
}

// done reports whether network protocols may run.
func (a *auth) done() bool { return a == nil || a.peer.ok() && a.local.ok() }

func (a *auth) deadline() time.Time { return timing.Earliest(a.peer.timer, a.local.timer) }

// stop ends authentications in progress. It keeps the state AuthFailed, for the operator.
func (a *auth) stop() {
	a.peer.stop()
	a.local.stop()
}

// authTimeout is how long we wait for the first packet of an authentication that the peer starts.
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

// receiveAuth handles a packet of an authentication protocol that is agreed on.
func (l *Link) receiveAuth(now time.Time, p Protocol, in packet, out *Output) Discard {
	if p == ProtocolCHAP {
		return l.receiveCHAP(now, in, out)
	}
	return l.receivePAP(now, in, out)
}

// failAuth ends the link because an authentication has failed. The reason is for the operator; the
// peer gets terminateText, so that it learns no more than it may know.
func (l *Link) failAuth(now time.Time, p *authDirection, reason, terminateText string, out *Output) {
	p.state = AuthFailed
	l.lcp.terminateText = terminateText
	l.failLCP(now, reason, out)
}

// refused handles a Failure or Authenticate-Nak. The peer has to terminate the link (RFC 1661,
// section 3.5). If it does not, we terminate it after the Restart time.
func (l *Link) refused(now time.Time, message []byte) {
	p := &l.auth.local
	l.auth.refused = fmt.Sprintf("%v: %s rejected our authentication", p.protocol, l.peerText())
	if len(message) > 0 {
		l.auth.refused += ": " + printable(message)
	}
	p.state, p.waiting, p.timer = AuthFailed, false, now.Add(l.cfg.Restart)
}

// peerText returns the peer's name for a reason, or "the peer".
func (l *Link) peerText() string {
	if name := l.auth.local.name; name != "" {
		return name
	}
	return "the peer"
}

// advanceAuth handles the timers of the authentication that have expired.
func (l *Link) advanceAuth(now time.Time, out *Output) {
	if timing.Due(l.auth.peer.timer, now) {
		l.peerTimeout(now, out)
	}
	if timing.Due(l.auth.local.timer, now) {
		l.localTimeout(now, out)
	}
}

// peerTimeout handles the timer of the peer's authentication: the peer has not authenticated
// itself, or it is to be challenged again.
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

// localTimeout handles the timer of our own authentication: the peer has not accepted or rejected
// it.
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
	default: // no reply to a later Challenge: whether the link ends is the peer's decision
		p.waiting, p.timer = false, time.Time{}
	}
}
