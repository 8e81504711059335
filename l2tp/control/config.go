package control

import (
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Role determines which end initiates the control connection.
type Role int

// The roles.
const (
	Both    Role = iota // either end may initiate; tie breakers decide if both do
	Active              // this end initiates
	Passive             // this end only answers
)

// Config configures a Peer. Peer.Reconfigure changes it.
type Config struct {
	HostName   string // Host Name AVP; 1 to 1017 octets
	RouterID   uint32 // Router ID AVP
	VendorName string // Vendor Name AVP; 1017 octets at most

	// Secret authenticates control messages in both directions (RFC 3931, section 4.3). With nil
	// there is no authentication, and a peer that requires it is refused. NextSecret is accepted
	// and used to sign as well, so that the two ends can change to it at different times (section
	// 5.4.1); nil: none. It is ignored without a Secret.
	Secret, NextSecret []byte
	Digest             l2tp.DigestType // of sent messages; both types are accepted

	Role   Role
	Timing Timing

	// Window is our Receive Window Size, and the bound of messages held out of order; 1 to 1024.
	Window int

	// Hello is the time without control or data messages from the peer after which a HELLO is sent
	// (RFC 3931, section 4.4). 0: no HELLOs.
	Hello time.Duration

	// MaxSessions bounds the sessions on one connection. Session requests of the peer beyond it
	// are refused. 0: 16384.
	MaxSessions int

	// Admission bounds the rate of messages without a connection whose digest is verified. Messages
	// beyond it are dropped after parsing.
	Admission Rate

	// Protected marks a connection that IPsec protects. The IDs of its sessions have the bit
	// ProtectedSessionIDs set; those of other connections have it clear, so that packet filters can
	// distinguish them.
	Protected bool

	// Retry is the back-off between attempts to establish a connection.
	Retry timing.Backoff

	// Rand fills its argument with cryptographically random octets. They become IDs, nonces,
	// cookies, tie breakers and jitter.
	Rand func([]byte)
}

// ProtectedSessionIDs is the bit that is set in local session IDs if and only if IPsec protects the
// session.
const ProtectedSessionIDs = 1 << 31

// Defaults of unset Config fields.
const defaultMaxSessions = 16384

var defaultAdmission = Rate{PerSecond: 5, Burst: 10}

// normalize sets defaults and clamps values to their ranges.
func (c *Config) normalize() {
	c.Window = max(1, min(c.Window, maxWindow))
	if c.MaxSessions <= 0 {
		c.MaxSessions = defaultMaxSessions
	}
	if c.Admission.PerSecond <= 0 {
		c.Admission.PerSecond = defaultAdmission.PerSecond
	}
	if c.Admission.Burst <= 0 {
		c.Admission.Burst = defaultAdmission.Burst
	}
}
