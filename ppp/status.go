package ppp

import (
	"net/netip"
	"time"
)

// Status is the state of a Link, for operators. A reason remains set after the protocol works
// again.
type Status struct {
	LCP       State
	LCPReason string // why LCP last left Opened or finished
	PeerMRU   uint16 // octets; meaningful while LCP is Opened

	// Identification and TimeRemaining are the last that the peer has sent since the lower layer
	// came up (RFC 1570, section 1).
	Identification string
	TimeRemaining  TimeRemaining

	// PeerAuth is the authentication of the peer to us, LocalAuth our own to the peer. AuthFailed
	// remains until LCP opens again.
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
	Rejected uint64              // frames answered by a Protocol-Reject
	Illegal  uint64              // illegal events (RFC 1661, section 4.4): errors of the owner
}

// TimeRemaining is the time until which the peer keeps the session (RFC 1570, section 1.2).
type TimeRemaining struct {
	Until   time.Time // zero: without limit, or not announced by the peer
	Message string
}

// AuthStatus is the status of one direction of the authentication.
type AuthStatus struct {
	Protocol Protocol // zero: none was agreed on
	State    AuthState
	Name     string    // of the end that authenticates itself: configured or received
	Passed   time.Time // of the last success; zero: none yet
}

// Discard is the reason why a received frame was silently discarded.
type Discard uint8

const (
	accepted Discard = iota
	// DiscardLowerDown: the lower layer is down.
	DiscardLowerDown
	// DiscardBadLength: a frame, packet or option is shorter than it must be.
	DiscardBadLength
	// DiscardBadID: a reply that does not answer our last request.
	DiscardBadID
	// DiscardBadReply: a Configure-Ack or Configure-Reject whose options are
	// not those of the request.
	DiscardBadReply
	// DiscardBadMagic: a magic number that is not the peer's.
	DiscardBadMagic
	// DiscardWrongPhase: a packet that is not allowed before LCP is Opened, the authentication has
	// passed or the network control protocol is Opened.
	DiscardWrongPhase
	// DiscardUnsupported: a packet of an unknown protocol that is not answered by a
	// Protocol-Reject, because of their limit or because the peer rejected them.
	DiscardUnsupported
	// DiscardUnknownCode: a code that the authentication protocol does not have.
	DiscardUnknownCode
	// DiscardData: a packet of an Opened network protocol, which is not for a Link.
	DiscardData

	NumDiscards = iota
)

// String returns the reason as text.
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
