// Package dataplane says what a data plane is: it carries the user packets of virtual links between
// an interface in a virtual router and L2TPv3 data messages (RFC 3931 section 3.2.2) to the peer,
// and hands PPP control frames up.
//
// The folders below it are the data planes there are. No protocol machine is known here: session
// IDs, cookies and frames come in as plain values.
package dataplane

import (
	"net/netip"
	"time"
)

// Plane makes tunnels. It is safe for concurrent use.
type Plane interface {
	// Name is what the operator calls it: "userspace", "kernel".
	Name() string

	// OpenTunnel opens the packet path to one peer. It returns at once; an error such as
	// ENETUNREACH or EADDRNOTAVAIL means that the host has no route or address yet and that a later
	// try may succeed.
	OpenTunnel(TunnelConfig) (Tunnel, error)
}

// Encapsulation is what carries L2TP to the peer.
type Encapsulation int

// The encapsulations.
const (
	UDP Encapsulation = iota // RFC 3931 section 4.1.2
	IP                       // protocol 115, RFC 3931 section 4.1.1
)

// String is "UDP" or "IP".
func (e Encapsulation) String() string {
	if e == IP {
		return "IP"
	}
	return "UDP"
}

// TunnelConfig is the packet path to one peer and protection class.
type TunnelConfig struct {
	Encapsulation Encapsulation
	Local         netip.AddrPort // the zero address lets the routing table choose; the port counts over UDP alone
	Peer          netip.AddrPort // the port counts over UDP alone
	Protected     bool           // IPsec protects what is sent: PathMTU is still that of the path, for ESP and all

	// Control takes each control message (T bit set) that arrives from Peer, from the first octet
	// of its header: over IP without the zero session ID before it (RFC 3931 section 4.1.1.2). Over
	// IP, where every socket gets every message, those to Control Connection ID 0 are not the
	// tunnel's but whoever's listens for all peers. It is called from the tunnel's reader, must not
	// block, and the octets are valid only during the call.
	Control func(message []byte)

	// PathChanged is told, from a goroutine of the tunnel, that PathMTU may have changed.
	PathChanged func()

	// Unreachable is told, from a goroutine of the tunnel, of errors that the network reports for
	// what we sent (an ICMP error such as ECONNREFUSED or EHOSTUNREACH). It is a hint, never a
	// proof.
	Unreachable func(error)
}

// Tunnel is the packet path to one peer. It owns its socket. It is safe for concurrent use.
type Tunnel interface {
	// LocalAddr is the address and port that the peer sees; the port is 0 over IP.
	LocalAddr() netip.AddrPort

	// PathMTU is the largest IP packet in octets that reaches the peer unfragmented, as far as the
	// host knows.
	PathMTU() (int, error)

	// SendControl sends one control message, given as TunnelConfig.Control takes it. The caller
	// keeps the octets.
	SendControl(message []byte) error

	// CreateSession makes the session and its interface, down and without addresses. It may block
	// on the kernel. Frames that arrive while it runs are delivered, not lost, where the plane can.
	CreateSession(SessionConfig) (Session, error)

	// Stats are counts since the tunnel was opened.
	Stats() TunnelStats

	// Close ends the tunnel with all its sessions; nothing is delivered after it has returned. It
	// waits for callbacks under way, so no callback may call it.
	Close() error
}

// SessionConfig is one L2TPv3 session of a tunnel.
type SessionConfig struct {
	LocalConnectionID, PeerConnectionID uint32

	LocalID, PeerID uint32 // session IDs, as assigned by us and by the peer; never 0

	LocalCookie []byte // 0, 4 or 8 octets; assigned by us, checked on what arrives
	PeerCookie  []byte // 0, 4 or 8 octets; assigned by the peer, put into what we send

	Sublayer Sublayer // the same both ways

	Namespace Namespace // where the interface is born
	Interface string    // its name there

	// MTU of the interface at its birth, in octets of IP packet.
	MTU int

	// Deliver takes each PPP frame that is not the data plane's to forward, from its 2-octet
	// protocol field on (address and control octets and protocol field compression undone). It is
	// called from the tunnel's reader, must not block, and the octets are valid only during the
	// call.
	Deliver func(frame []byte)

	// Gone is told, once and from a goroutine of the session, that the interface or the session
	// vanished without Close. Nothing but Close is of use then.
	Gone func(error)
}

// Sublayer is what stands between the cookie and the PPP frame of a data message (RFC 3931 section
// 4.6), and whether it numbers messages.
type Sublayer int

// The sublayers. With sequence numbers, what comes late, twice or without one is dropped.
const (
	NoSublayer        Sublayer = iota
	SublayerAlone              // Default L2-Specific Sublayer without sequence numbers
	SublayerSequenced          // Default L2-Specific Sublayer with sequence numbers

	// SublayerSequencedNonIP is SublayerSequenced, but IP packets that we send go without numbers;
	// a plane that cannot tell them from others numbers all.
	SublayerSequencedNonIP
)

// Sequenced reports whether messages have sequence numbers.
func (s Sublayer) Sequenced() bool { return s == SublayerSequenced || s == SublayerSequencedNonIP }

// Session is one session with its interface. It is safe for concurrent use.
type Session interface {
	// SendFrame sends one PPP frame, given from its 2-octet protocol field on. The caller keeps the
	// octets.
	SendFrame(frame []byte) error

	// SetOpen says which network protocols have their NCP opened; packets of the others are
	// dropped, both ways (RFC 1661 section 3.5).
	SetOpen(Protocols)

	Stats() Stats
	// LastHeard is the time of the last data message that was accepted, as far as it is known; zero
	// if none. It is known after some seconds, and asking does not block.
	LastHeard() time.Time

	// Close removes the session and its interface; nothing is delivered after it has returned. It
	// waits for callbacks under way, so no callback may call it.
	Close() error
}

// Namespace is where an interface is born: the virtual router's network namespace.
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

// Has reports whether all of q is in p.
func (p Protocols) Has(q Protocols) bool { return p&q == q }

// Stats are counts of one session since its creation. Octets are those of the IP packets.
type Stats struct {
	RxPackets, RxOctets uint64 // from the peer to the interface
	TxPackets, TxOctets uint64 // from the interface to the peer
	RxFrames, TxFrames  uint64 // PPP control frames

	RxCookie    uint64    // dropped: wrong cookie
	RxSequence  uint64    // dropped: late, twice, or without a sequence number
	RxMalformed uint64    // dropped: no PPP frame
	RxClosed    uint64    // dropped: its NCP is not opened
	RxErrors    uint64    // dropped: the interface did not take it
	TxClosed    uint64    // dropped: its NCP is not opened
	TxErrors    uint64    // dropped: the socket did not take it
	LastHeard   time.Time // the last data message accepted; zero if none
}

// TunnelStats are counts of one tunnel since it was opened, by what became of a datagram.
type TunnelStats struct {
	Control        uint64 // handed to Control
	Malformed      uint64 // dropped: too short, or of another version
	UnknownSession uint64 // dropped: no such session here; over IP the kernel does not tell of these

	LastHeard time.Time // the last data message that a session accepted; zero if none
}
