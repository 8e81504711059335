package control

import (
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Role says who starts the control connection between us and a peer.
type Role int

// The roles. PEs are symmetrical: with Both, either may start, and tie-breakers leave one
// connection.
const (
	Both Role = iota
	Active
	Passive
)

// Config is what a Peer is made with. Peer.Reconfigure changes it.
type Config struct {
	HostName   string // Host Name AVP; 1 to 1017 octets
	RouterID   uint32 // Router ID AVP
	VendorName string // Vendor Name AVP; 1017 octets at most

	// Secret authenticates control messages both ways (RFC 3931 section 4.3); nil: the peer must
	// not ask for it. NextSecret does so as well, while the two sides change over to it at
	// different times (section 5.4.1); nil: there is none. It counts only beside a Secret.
	Secret, NextSecret []byte
	Digest             l2tp.DigestType // of what we send; either type is taken

	Role   Role
	Window int           // our Receive Window Size: the bound of messages held ahead of their turn; 1 to 1024
	Hello  time.Duration // silence from the peer before a HELLO (RFC 3931 section 4.4); 0: never
	Timing Timing

	// MaxSessions bounds the sessions on one connection: beyond it the peer's calls are refused. 0:
	// 16384.
	MaxSessions int

	// Admission bounds the SCCRQs that are looked at. What it does not admit costs no more than
	// being read.
	Admission Rate

	// Protected says that IPsec protects the connection. The IDs of its sessions have the bit
	// ProtectedSessionIDs, which those of others have not: what filters packets has to tell them
	// apart.
	Protected bool

	// Retry is the back-off between attempts to make a connection.
	Retry timing.Backoff

	// Rand fills its argument with cryptographically random octets: IDs, nonces, cookies, tie
	// breakers, jitter.
	Rand func([]byte)
}

// ProtectedSessionIDs is the bit that the IDs of our protected sessions have.
const ProtectedSessionIDs = 1 << 31

// Defaults of a Config that does not say.
const defaultMaxSessions = 16384

var defaultAdmission = Rate{PerSecond: 5, Burst: 10}

// normalize puts into range what must be.
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
