package ppp

import (
	"net/netip"
	"time"
)

// Status is what a Link is and has seen, for operators. Reasons are those of
// the last event that ended something, also after it works again.
type Status struct {
	LCP       State
	LCPReason string // why LCP left Opened or finished
	PeerMRU   uint16 // octets; meaningful while LCP is Opened

	// What the peer has said of itself (RFC 1570, section 1) since the lower
	// layer came up.
	Identification string
	TimeRemaining  TimeRemaining

	// PeerAuth is how the peer has authenticated itself to us, LocalAuth how we
	// have to the peer. One that has failed stays so until LCP opens again.
	PeerAuth, LocalAuth AuthStatus

	IPCP       State // Initial, too, if IPCP is not run
	IPv4Reason string
	LocalIPv4  netip.Addr // meaningful while IPCP is Opened, like PeerIPv4
	PeerIPv4   netip.Addr

	IPV6CP     State // Initial, too, if IPV6CP is not run
	IPv6Reason string
	LocalID    uint64 // meaningful while IPV6CP is Opened, like PeerID
	PeerID     uint64

	Echo     EchoStatus
	Discards [NumDiscards]uint64 // frames silently discarded, by Discard
	Rejected uint64              // frames of protocols that are not run, answered by a Protocol-Reject
	Illegal  uint64              // events that the automaton forbids: errors of the Link's owner
}

// TimeRemaining is for how long the peer lets the session go on.
type TimeRemaining struct {
	Until   time.Time // zero: for ever, or the peer has not said
	Message string
}

// AuthStatus is one direction of the authentication.
type AuthStatus struct {
	Protocol Protocol // zero: none was agreed on
	State    AuthState
	Name     string    // of the end that authenticates itself: given, or received
	Passed   time.Time // when it last did so; zero: not yet
}

// Discard is why a received frame was silently discarded.
type Discard uint8

const (
	accepted Discard = iota
	// DiscardLowerDown: the lower layer is down.
	DiscardLowerDown
	// DiscardBadLength: a frame, packet or option is shorter than it must be.
	DiscardBadLength
	// DiscardBadID: a reply to another request than the last, or to none.
	DiscardBadID
	// DiscardBadReply: a Configure-Ack or Configure-Reject whose options are
	// not those of the request.
	DiscardBadReply
	// DiscardBadMagic: a magic number that is not the peer's.
	DiscardBadMagic
	// DiscardWrongPhase: what must not be sent before LCP, or the network
	// protocol's control protocol, is Opened.
	DiscardWrongPhase
	// DiscardUnsupported: an unknown protocol, beyond the limit of
	// Protocol-Rejects or after the peer rejected those.
	DiscardUnsupported
	// DiscardUnknownCode: a code that the authentication protocol does not have.
	DiscardUnknownCode
	// DiscardData: a network protocol's packet, which is not for a Link.
	DiscardData

	NumDiscards = iota
)

// String returns the reason in a few words.
func (d Discard) String() string {
	return [NumDiscards]string{
		"accepted", "lower layer down", "bad length", "bad identifier", "bad reply",
		"bad magic number", "wrong phase", "unsupported protocol", "unknown code", "data packet",
	}[d]
}

func (p *authDirection) status(name string) AuthStatus {
	return AuthStatus{Protocol: p.protocol, State: p.state, Name: name, Passed: p.passed}
}

// Status returns the Link's status.
func (l *Link) Status() Status {
	s := Status{
		LCP:       l.lcp.state,
		LCPReason: l.lcp.reason,
		PeerMRU:   l.options.peerMRU,

		Identification: l.identification,
		TimeRemaining:  l.remaining,
		Rejected:       l.rejected,
		Echo:           l.echo.status,
		Discards:       l.discards,
		Illegal:        l.lcp.illegal,
	}
	if l.auth != nil {
		s.PeerAuth = l.auth.peer.status(l.auth.peer.name)
		if s.LocalAuth = l.auth.local.status(""); s.LocalAuth.Protocol != 0 {
			s.LocalAuth.Name = l.cfg.Auth.Name
		}
	}
	for _, n := range l.networks {
		switch o := n.network.(type) {
		case *ipcp:
			s.IPCP, s.IPv4Reason = n.state, n.reason
			s.LocalIPv4, s.PeerIPv4 = o.local, o.peer
		case *ipv6cp:
			s.IPV6CP, s.IPv6Reason = n.state, n.reason
			s.LocalID, s.PeerID = o.local, o.peer
		}
	}
	return s
}
