package control

import (
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Role says who starts the control connection between us and a peer.
type Role int

// The roles. PEs are symmetrical: with Both, either may start, and tie-breakers leave one connection.
const (
	Both Role = iota
	Active
	Passive
)

// Config is what a Peer is made with. It does not change.
type Config struct {
	HostName   string // Host Name AVP; 1 to 1017 octets
	RouterID   uint32 // Router ID AVP
	VendorName string // Vendor Name AVP; 1017 octets at most

	// Secret authenticates control messages both ways (RFC 3931 section 4.3); nil: the peer must not ask for it.
	Secret []byte
	Digest l2tp.DigestType // of what we send; either type is taken

	Role   Role
	Window int           // our Receive Window Size: the bound of messages held ahead of their turn; 1 to 1024
	Hello  time.Duration // silence from the peer before a HELLO (RFC 3931 section 4.4); 0: never
	Timing Timing

	// MaxSessions bounds the sessions on one connection: beyond it the peer's calls are refused. 0: 16384.
	MaxSessions int

	// Retry is the back-off between attempts to make a connection.
	Retry Backoff

	// Rand fills its argument with cryptographically random octets: IDs, nonces, cookies, tie breakers, jitter.
	Rand func([]byte)
}

// defaultMaxSessions is for a Config that does not say.
const defaultMaxSessions = 16384

// normalize puts into range what must be.
func (c *Config) normalize() {
	c.Window = max(1, min(c.Window, maxWindow))
	if c.MaxSessions <= 0 {
		c.MaxSessions = defaultMaxSessions
	}
}

// Backoff is exponential and jittered: attempt n waits a random time between half and all of Min doubled n times, Max at
// most.
type Backoff struct{ Min, Max time.Duration }

// Delay is how long to wait after failure number n, counted from 0; random is uniform.
func (b Backoff) Delay(n int, random uint32) time.Duration {
	d := doubled(b.Min, n, b.Max)
	return d/2 + time.Duration(float64(d/2)*float64(random)/(1<<32))
}

func (c *Config) random32() uint32 {
	var b [4]byte
	c.Rand(b[:])
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func (c *Config) random64() uint64 {
	return uint64(c.random32())<<32 | uint64(c.random32())
}

// randomID returns a random ID that is not 0 and not taken.
func (c *Config) randomID(taken func(uint32) bool) uint32 {
	for {
		if id := c.random32(); id != 0 && !taken(id) {
			return id
		}
	}
}

func (c *Config) octets(n int) []byte {
	b := make([]byte, n)
	c.Rand(b)
	return b
}
