// Package ipsec defines the protection of L2TP between this router and a peer by IPsec: a protected
// flow passes as ESP in transport mode (RFC 4301, RFC 4303), under keys that IKEv2 (RFC 7296)
// negotiates, or not at all.
//
// A [Guard] joins two parts, the second of which does not trust the first. The key manager
// (strongSwan) establishes and rekeys the security associations. The floor, nftables rules of our
// own, drops every packet of a protected flow that leaves or arrives without ESP, whatever the key
// manager does. The package has the types alone, and [Room], which computes the space that ESP
// leaves in a packet; the parts are in the packages floor, strongswan and guard.
package ipsec

import (
	"net/netip"
	"time"
)

// Guard protects flows. It is safe for concurrent use.
type Guard interface {
	// Protect installs the floor for the peer's flow and makes the key manager load its
	// configuration. It returns once the floor is in place, with or without security associations:
	// from then on a socket may be opened, whose packets leave as ESP or not at all. After an error
	// no socket may be opened; the error says what is missing and how to provide it. Protect of a
	// protected name replaces its configuration, without a moment in which the flow is not
	// protected.
	Protect(Peer) error

	// Release removes what Protect has installed for the peer of that name: connection, security
	// associations, and last the floor. All sockets of the flow must be closed before.
	Release(name string) error

	// Reconnect makes the key manager end the security associations with the peer of that name and
	// establish new ones at once. Until then the floor drops the flow's packets.
	Reconnect(name string) error

	// Tidy removes what an earlier run has left for peers that are neither protected nor among
	// these names, which are those of peers to be protected. It removes nothing of the floor before
	// all of these are protected: call it again then.
	Tidy(names []string) error

	// Status returns the protection of the peer of that name. It queries the kernel and the key
	// manager, which may take seconds.
	Status(name string) Status

	// Close ends the security associations. The floor stays, because sockets of the flow may still
	// be open.
	Close() error
}

// Event is a change in the protection of a peer.
type Event struct {
	Peer string // empty: the event concerns all peers
	Kind EventKind
	Text string // one line for the operator
}

// EventKind is a kind of event.
type EventKind string

// The kinds of events. Those of key manager and floor concern all peers.
const (
	IKEUp                EventKind = "ike-up"
	IKEDown              EventKind = "ike-down"
	IKERekeyed           EventKind = "ike-rekeyed"
	ChildUp              EventKind = "child-up"
	ChildDown            EventKind = "child-down"
	ChildRekeyed         EventKind = "child-rekeyed"
	AuthenticationFailed EventKind = "authentication-failed"
	KeyManagerGone       EventKind = "manager-gone"
	KeyManagerBack       EventKind = "manager-back"

	// FloorLost: another process has changed the floor, and restoring it has failed so far.
	FloorLost EventKind = "floor-lost"
	// FloorRestored: another process had changed the floor.
	FloorRestored EventKind = "floor-restored"
)

// Peer is a flow and the configuration of its protection.
type Peer struct {
	Name   string
	Flow   Flow
	Auth   Auth
	IKE    IKE
	Child  Child
	Starts bool // this side initiates the IKE SA; true at exactly one of the two sides
}

// Flow is L2TP between two addresses: over UDP between two ports, or as IP protocol 115.
type Flow struct {
	Local, Remote         netip.Addr // Local is the zero address where the routing table chooses
	LocalPort, RemotePort uint16     // UDP ports; both 0: protocol 115
}

// ProtectedSessionIDs is a bit that is set in the local IDs of protected sessions, and clear in
// those of others. While anything is protected, the floor drops unencrypted data messages over IP
// for sessions with this bit, from any source.
const ProtectedSessionIDs = 1 << 31

// Auth is how the two sides authenticate each other (RFC 7296, section 2.15). Identities are
// written as strongSwan does.
type Auth struct {
	LocalID string // our IKE identity; empty: the local address, or the certificate's subject

	// RemoteID is the peer's IKE identity; empty: its address. It is required with certificates,
	// because it says which certificate is the peer's.
	RemoteID string

	// PSK is the pre-shared key; nil: certificates. It is never part of a Status or an error. Do
	// not print an Auth.
	PSK []byte

	Certificate []byte   // PEM
	PrivateKey  []byte   // PEM
	CAs         [][]byte // PEM; one of these must have issued the peer's certificate
}

// IKE configures the IKE SA.
type IKE struct {
	Proposals []string      // as strongSwan writes them: "aes256gcm16-prfsha384-ecp256"
	Rekey     time.Duration // lifetime of the keys, less some jitter
	DPD       time.Duration // silence after which the peer is probed (RFC 7296, section 2.4)
}

// Child configures the CHILD SA, the pair of security associations that carries the flow.
type Child struct {
	Proposals    []string      // "aes256gcm16-ecp256"; the group provides perfect forward secrecy
	Rekey        time.Duration // lifetime of the keys, less some jitter
	RekeyOctets  uint64        // octets after which the keys are renewed too; 0: by time alone
	ReplayWindow int           // in packets (RFC 4303, section 3.4.3)
}

// Status is the present protection of one peer.
type Status struct {
	Missing []string // what this host lacks for IPsec, each with its remedy

	Floor           bool   // the floor is in place
	DroppedOut      uint64 // packets dropped because they would have left unencrypted
	DroppedIn       uint64 // packets dropped because they arrived unencrypted
	LastError       string // the last failure to establish SAs; empty: none, or SAs are up
	LastErrorAt     time.Time
	Failure         Failure // the kind of LastError
	IKE             *IKESA  // nil: no IKE SA
	Children        []ChildSA
	KeyManager      string // with its version: "strongSwan 5.9.8"; empty: it does not answer
	KeyManagerError string // why it does not answer, or has refused the configuration
}

// Up reports whether packets pass.
func (s *Status) Up() bool { return s.Floor && len(s.Children) > 0 }

// Failure is a kind of failure to establish an IKE SA or a CHILD SA.
type Failure string

// The kinds of failures that have different remedies.
const (
	FailureOther          Failure = ""
	FailureAuthentication Failure = "authentication" // keys, certificates or identities differ
	FailureProposal       Failure = "proposal"       // no common algorithms
	FailureSilent         Failure = "silent"         // the peer does not answer
	FailureFlow           Failure = "flow"           // addresses, ports or mode of the flow differ
)

// IKESA is an IKE SA.
type IKESA struct {
	State               string // strongSwan's name of the state: "CONNECTING", "ESTABLISHED"
	LocalID, RemoteID   string
	LocalSPI, RemoteSPI string // hexadecimal
	Initiator           bool
	Proposal            string // "aes256gcm16-prfsha384-ecp256"
	Established         time.Time
	RekeyAt             time.Time // zero: not planned
}

// ChildSA is a CHILD SA: a pair of security associations in the kernel.
type ChildSA struct {
	State                string // "INSTALLED", "REKEYING"
	LocalSPI, RemoteSPI  string // of received and of sent packets; hexadecimal
	Algorithms           string // "aes256gcm16"
	Encapsulated         bool   // in UDP, because of a NAT (RFC 3948)
	Installed            time.Time
	RekeyAt              time.Time
	RxOctets, TxOctets   uint64
	RxPackets, TxPackets uint64
	Replays              uint64 // packets dropped because they were repeated or too old
	IntegrityFailures    uint64 // packets dropped because their integrity check failed
}
