// Package dataplane is the contract of data planes. A data plane carries the user packets of
// virtual links between an interface in a virtual router and L2TPv3 data messages to the peer (RFC
// 3931, section 3.2.2), and passes PPP control frames to the machines.
//
// A [Plane] opens a [Tunnel] to each peer; a tunnel creates a [Session] with its interface for each
// link. The implementations are in dataplane/kernel and dataplane/userspace; dataplane/static runs
// on either. Data planes know no protocol machine: they receive session IDs, cookies and frames as
// plain values.
package dataplane

import (
	"net/netip"
	"time"
)

// Plane opens tunnels. It is safe for concurrent use.
type Plane interface {
	// Name returns the plane's name in configuration and output: "userspace", "kernel".
	Name() string

	// OpenTunnel opens the tunnel to one peer, without waiting for the network. An error such as
	// ENETUNREACH or EADDRNOTAVAIL means that the host has no route or address yet; a later attempt
	// may succeed.
	OpenTunnel(TunnelConfig) (Tunnel, error)
}

// Encapsulation is the protocol that carries L2TP to the peer.
type Encapsulation int

// The encapsulations.
const (
	UDP Encapsulation = iota // RFC 3931, section 4.1.2
	IP                       // protocol 115, RFC 3931, section 4.1.1
)

// String returns "UDP" or "IP".
func (e Encapsulation) String() string {
	if e == IP {
		return "IP"
	}
	return "UDP"
}

// TunnelConfig is the configuration of the tunnel to one peer, for one class.
type TunnelConfig struct {
	Encapsulation Encapsulation

	// Local and Peer are the addresses, with UDP ports, which are ignored over IP. With the zero
	// Local address the routing table selects it.
	Local, Peer netip.AddrPort

	// Protected means that IPsec protects what the tunnel sends. PathMTU is that of the path
	// nevertheless: the overhead of ESP is not subtracted.
	Protected bool

	// Control receives each control message (T bit set) that arrives from Peer, from the first
	// octet of its header: over IP without the zero session ID before it (RFC 3931, section
	// 4.1.1.2). Over IP, where every socket receives every message, messages to Control Connection
	// ID 0 do not belong to the tunnel but to the listener for all peers. Control is called from
	// the tunnel's reader, must not block, and must not keep the octets.
	Control func(message []byte)

	// PathChanged is called, from a goroutine of the tunnel, when PathMTU may have changed.
	PathChanged func()

	// Unreachable is called, from a goroutine of the tunnel, with an error that the network
	// reported for a sent message (an ICMP error such as ECONNREFUSED or EHOSTUNREACH). It is a
	// hint, not a proof.
	Unreachable func(error)
}

// Tunnel is the socket to one peer, with its sessions. It is safe for concurrent use.
type Tunnel interface {
	// LocalAddr returns the address and port that the peer sees; the port is 0 over IP.
	LocalAddr() netip.AddrPort

	// PathMTU returns the length, in octets, of the largest IP packet that reaches the peer
	// unfragmented, as far as the host knows.
	PathMTU() (int, error)

	// SendControl sends one control message, in the form that TunnelConfig.Control receives. It
	// does not keep the octets.
	SendControl(message []byte) error

	// CreateSession creates a session and its interface, which is down and without addresses. It
	// may block on the kernel. Frames that arrive while it runs are delivered, if the plane can.
	CreateSession(SessionConfig) (Session, error)

	// Stats returns counters since the tunnel was opened.
	Stats() TunnelStats

	// Close ends the tunnel with all its sessions. Nothing is delivered after it has returned. It
	// waits for running callbacks, so a callback must not call it.
	Close() error
}

// SessionConfig is the configuration of one L2TPv3 session of a tunnel.
type SessionConfig struct {
	LocalConnectionID, PeerConnectionID uint32

	LocalID, PeerID uint32 // session IDs, assigned by the local end and by the peer; never 0

	LocalCookie []byte // 0, 4 or 8 octets, assigned by the local end; checked in received messages
	PeerCookie  []byte // 0, 4 or 8 octets, assigned by the peer; written into sent messages

	Sublayer Sublayer // in both directions

	Namespace Namespace // where the interface is created
	Interface string    // its name there

	MTU int // of the interface when it is created, in octets of IP packet

	// Deliver receives each PPP frame that the data plane does not forward itself, from its 2-octet
	// protocol field on, without address and control octets and without protocol field compression.
	// It is called from the tunnel's reader, must not block, and must not keep the octets.
	Deliver func(frame []byte)

	// Gone is called once, from a goroutine of the session, if the interface or the session
	// disappeared without Close. The session can only be closed then.
	Gone func(error)
}

// Sublayer is the L2-Specific Sublayer between the cookie and the PPP frame of a data message (RFC
// 3931, section 4.6), and whether it numbers messages.
type Sublayer int

// The sublayers. With sequence numbers, messages that are late, duplicate or not numbered are
// dropped.
const (
	NoSublayer        Sublayer = iota
	SublayerAlone              // Default L2-Specific Sublayer without sequence numbers
	SublayerSequenced          // Default L2-Specific Sublayer with sequence numbers

	// SublayerSequencedNonIP is SublayerSequenced, but sent IP packets are not numbered. A plane
	// that cannot distinguish them numbers all messages.
	SublayerSequencedNonIP
)

// Sequenced reports whether messages have sequence numbers.
func (s Sublayer) Sequenced() bool { return s == SublayerSequenced || s == SublayerSequencedNonIP }

// Session is one session with its interface. It is safe for concurrent use.
type Session interface {
	// SendFrame sends one PPP frame, which begins with its 2-octet protocol field. It does not keep
	// the octets.
	SendFrame(frame []byte) error

	// SetOpen sets the network protocols whose NCP is opened. Packets of the others are dropped in
	// both directions (RFC 1661, section 3.5).
	SetOpen(Protocols)

	// Stats returns counters since the session was created.
	Stats() Stats
	// LastHeard returns the time of the last accepted data message; zero if there was none. It does
	// not block, and may be some seconds late.
	LastHeard() time.Time

	// Close removes the session and its interface. Nothing is delivered after it has returned. It
	// waits for running callbacks, so a callback must not call it.
	Close() error
}

// Namespace is the virtual router's network namespace, in which interfaces are created.
type Namespace interface {
	// Do runs f on a thread that is inside the namespace.
	Do(f func() error) error
}

// Protocols is a set of network protocols.
type Protocols uint8

// The network protocols that a virtual link carries.
const (
	IPv4 Protocols = 1 << iota
	IPv6
)

// Has reports whether p contains all protocols of q.
func (p Protocols) Has(q Protocols) bool { return p&q == q }

// Stats are counters of one session since its creation. Octets are those of the IP packets.
type Stats struct {
	RxPackets, RxOctets uint64 // from the peer to the interface
	TxPackets, TxOctets uint64 // from the interface to the peer
	RxFrames, TxFrames  uint64 // PPP control frames

	RxCookie    uint64    // dropped: wrong cookie
	RxSequence  uint64    // dropped: late, duplicate, or without a sequence number
	RxMalformed uint64    // dropped: no valid PPP frame
	RxClosed    uint64    // dropped: NCP not opened
	RxErrors    uint64    // dropped: not accepted by the interface
	TxClosed    uint64    // dropped: NCP not opened
	TxErrors    uint64    // dropped: not accepted by the socket
	LastHeard   time.Time // of the last accepted data message; zero if there was none
}

// TunnelStats are counters of one tunnel since it was opened, by the fate of a datagram.
type TunnelStats struct {
	Control        uint64 // passed to Control
	Malformed      uint64 // dropped: too short, or another version
	UnknownSession uint64 // dropped: unknown session; over IP the kernel does not report these

	LastHeard time.Time // of the last data message that a session accepted; zero if there was none
}
