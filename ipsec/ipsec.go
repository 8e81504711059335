// Package ipsec says what protection is: what this router and a peer say to each other as L2TP goes
// as ESP in transport mode (RFC 4301, RFC 4303) under keys that IKEv2 (RFC 7296) agrees on, or not
// at all.
//
// It has two parts, and the second does not trust the first. A key manager (strongSwan) makes and
// keeps the security associations. A floor, ours alone, drops every packet of a protected flow that
// would leave or has arrived without ESP, whatever the key manager does.
package ipsec

import (
	"net/netip"
	"time"
)

// Guard protects flows. It is safe for concurrent use.
type Guard interface {
	// Protect puts the floor under the peer's flow and has the key manager take its configuration.
	// It returns once the floor stands, whether or not there are security associations yet: from
	// then on a socket may be opened, and what it sends passes as ESP or not at all. An error means
	// that no socket may be opened; it says what is missing and what would help. Protect of a name
	// that is protected already changes it to what is given, and at no moment opens it.
	Protect(Peer) error

	// Release takes back what Protect has done for the peer of that name: connection, security
	// associations, and last the floor. No socket may be open any more.
	Release(name string) error

	// Reconnect asks the key manager to begin anew with the peer of that name, at once.
	Reconnect(name string) error

	// Tidy takes back what an earlier run has left for peers that are neither protected now nor of
	// these names, which are to be. Of the floor it takes nothing back before all of these are
	// protected, so call it again then.
	Tidy(names []string) error

	// Status is what is known of the peer of that name. It asks the kernel and the key manager, so
	// it may take a moment.
	Status(name string) Status

	// Close leaves the floor as it is: our sockets may not be the last to send. It ends the
	// security associations.
	Close() error
}

// Event tells of a peer what has just happened.
type Event struct {
	Peer string
	Kind EventKind
	Text string // in words, one line
}

// EventKind is what has happened.
type EventKind string

// The events.
const (
	IKEUp                EventKind = "ike-up"
	IKEDown              EventKind = "ike-down"
	IKERekeyed           EventKind = "ike-rekeyed"
	ChildUp              EventKind = "child-up"
	ChildDown            EventKind = "child-down"
	ChildRekeyed         EventKind = "child-rekeyed"
	AuthenticationFailed EventKind = "authentication-failed"
	ManagerGone          EventKind = "manager-gone" // of the key manager as a whole; Peer is empty
	ManagerBack          EventKind = "manager-back"
	FloorLost            EventKind = "floor-lost"     // somebody has removed or changed it, and it could not be restored so far; Peer is empty
	FloorRestored        EventKind = "floor-restored" // somebody had removed it; Peer is empty
)

// Peer is a flow and how it is protected.
type Peer struct {
	Name   string
	Flow   Flow
	Auth   Auth
	IKE    IKE
	Child  Child
	Starts bool // we start the IKE SA; exactly one of the two sides does
}

// Flow is L2TP between two addresses: over UDP between two ports, or as IP protocol 115.
type Flow struct {
	Local, Remote         netip.Addr // Local is the zero address where the routing table chooses
	LocalPort, RemotePort uint16     // UDP ports; both 0: protocol 115
}

// ProtectedSessionIDs is the bit that the IDs of our sessions have which are protected, and those
// of others have not. While anything is protected, nobody sends us data over IP in clear for a
// session with this bit, whatever his address.
const ProtectedSessionIDs = 1 << 31

// Auth is how the two sides prove who they are (RFC 7296 section 2.15).
type Auth struct {
	LocalID  string // our IKE identity, as strongSwan writes them; empty: the address, or the certificate's subject
	RemoteID string // the peer's; empty: its address. With certificates it must be given, as it says whose is the peer's

	PSK []byte // pre-shared key; nil: certificates. A fmt verb must not show it: it is never in a Status or an error

	Certificate []byte   // PEM
	PrivateKey  []byte   // PEM
	CAs         [][]byte // PEM; the peer's certificate must be issued by one of these
}

// IKE is how the IKE SA is kept.
type IKE struct {
	Proposals []string      // as strongSwan writes them: "aes256gcm16-prfsha384-ecp256"
	Rekey     time.Duration // rekeyed after so long, with some jitter
	DPD       time.Duration // silence after which the peer is probed (RFC 7296 section 2.4)
}

// Child is how the pair of security associations that carries the flow is kept.
type Child struct {
	Proposals    []string      // "aes256gcm16-ecp256": the group is what gives perfect forward secrecy
	Rekey        time.Duration // rekeyed after so long, with some jitter
	RekeyOctets  uint64        // or after so many octets; 0: by time alone
	ReplayWindow int           // in packets (RFC 4303 section 3.4.3)
}

// Status is the protection of one peer as it is now.
type Status struct {
	Missing []string // what this host lacks for it, each in a sentence that says what would help

	Floor        bool   // the floor stands
	DroppedOut   uint64 // packets that would have left in clear
	DroppedIn    uint64 // packets that arrived in clear
	LastError    string // why there is no IKE SA, as far as is known: the last failure and when
	LastErrorAt  time.Time
	Failure      Failure // what kind of failure that was
	IKE          *IKESA  // nil: there is none
	Children     []ChildSA
	Manager      string // what makes the associations, with its version: "strongSwan 5.9.8"; empty: it does not answer
	ManagerError string // why it does not
}

// Up reports whether packets pass.
func (s *Status) Up() bool { return s.Floor && len(s.Children) > 0 }

// Failure is a kind of failure to make an IKE SA or ESP's.
type Failure string

// The failures that an operator does different things about.
const (
	FailureOther          Failure = ""
	FailureAuthentication Failure = "authentication" // one side does not believe the other: keys, certificates or identities differ
	FailureProposal       Failure = "proposal"       // they have no algorithms in common
	FailureSilent         Failure = "silent"         // the peer does not answer
	FailureFlow           Failure = "flow"           // the peer does not want this flow protected so: addresses, ports or mode differ
)

// IKESA is an IKE SA.
type IKESA struct {
	State               string // strongSwan's word: "CONNECTING", "ESTABLISHED"
	LocalID, RemoteID   string
	LocalSPI, RemoteSPI string // hexadecimal
	Initiator           bool
	Proposal            string // "aes256gcm16-prfsha384-ecp256"
	Established         time.Time
	RekeyAt             time.Time // zero: never
}

// ChildSA is a pair of security associations in the kernel.
type ChildSA struct {
	State                string // "INSTALLED", "REKEYING"
	LocalSPI, RemoteSPI  string // of what arrives, of what leaves; hexadecimal
	Algorithms           string // "aes256gcm16"
	Encapsulated         bool   // in UDP, for a NAT (RFC 3948)
	Installed            time.Time
	RekeyAt              time.Time
	RxOctets, TxOctets   uint64
	RxPackets, TxPackets uint64
	Replays              uint64 // packets that were dropped as repeated or too old
	IntegrityFailures    uint64 // packets whose integrity check failed
}
