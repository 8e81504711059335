package ppp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

const (
	defaultMRU = 1500 // RFC 1661, section 6.1
	// minMRU is the smallest MRU that we agree to: each of our messages fits.
	minMRU = 128
	// minAuthMRU is the smallest MRU with authentication: any name and secret fit.
	minAuthMRU = 576
	// minIPv6MRU is the smallest MRU with IPv6 (RFC 5072, section 2).
	minIPv6MRU = 1280
)

// Config configures a Link. With Rand alone the link has the defaults of RFC 1661 and runs no
// network protocol.
type Config struct {
	// MRU is the Maximum-Receive-Unit that we announce: the largest Information field, in octets,
	// that we can receive. Zero: 1500, the default of RFC 1661, for which no option is sent.
	MRU uint16

	// Rand returns uniformly distributed random numbers for magic numbers, interface identifiers
	// and CHAP Challenges. With CHAP they must be unpredictable. Rand must not be nil.
	Rand func() uint32

	// RestartInitial is the first value of the Restart timer, which doubles with each timeout up to
	// Restart (RFC 1661, section 4.6). It should be longer than the round-trip time plus the time
	// that the peer needs to answer. Zero: 250 ms, or Restart if that is less.
	RestartInitial time.Duration

	Restart      time.Duration // largest value of the Restart timer; zero: 3 s
	MaxConfigure int           // Configure-Requests sent without an answer; zero: 10
	MaxTerminate int           // Terminate-Requests sent without an answer; zero: 2
	MaxFailure   int           // Configure-Naks without an Ack, in either direction; zero: 5

	// EchoInterval is the time between LCP Echo-Requests while LCP is Opened. They measure the
	// round-trip time and detect a link that has failed. Zero: none are sent.
	EchoInterval time.Duration
	// EchoFails is the number of consecutive unanswered Echo-Requests, with no other frame received
	// meanwhile, after which the link is taken down. Zero: 5.
	EchoFails int
	// EchoAdaptive skips the Echo-Request after an interval in which any frame was received: the
	// link is known to work.
	EchoAdaptive bool

	Auth *AuthConfig // nil: neither end authenticates itself
	IPv4 *IPv4Config // nil: IPCP is not run and gets a Protocol-Reject
	IPv6 *IPv6Config // nil: IPV6CP is not run and gets a Protocol-Reject
}

// AddressMode is the source of our own IPv4 address.
type AddressMode uint8

// The address modes.
const (
	// Configured: our address is IPv4Config.Local; we accept no other.
	Configured AddressMode = iota
	// Learned: we request 0.0.0.0 and accept the address in the peer's Configure-Nak.
	Learned
	// Unnumbered: we send no IP-Address option.
	Unnumbered
)

// IPv4Config configures IPCP (RFC 1332).
type IPv4Config struct {
	Mode  AddressMode
	Local netip.Addr // our address in mode Configured, ignored otherwise

	// Peer, if valid, is the address that the peer must use. It is suggested in a Configure-Nak
	// when the peer requests 0.0.0.0, another address or no address. If invalid, the peer may use
	// any unicast address other than ours, or none.
	Peer netip.Addr

	// Within, if valid, is the prefix in which the peer's address must be, if the peer requests
	// one. If Within is a /31 with our address, the other address is suggested to a peer that
	// requests 0.0.0.0.
	Within netip.Prefix
}

// IPv6Config configures IPV6CP (RFC 5072).
type IPv6Config struct {
	// LocalID is our interface identifier. Zero: a random one, which the Link keeps. If it is equal
	// to the peer's, the two ends agree on another.
	LocalID uint64
}

// Validate returns an error that names the first invalid field and what is valid, or nil.
func (c *Config) Validate() error {
	if c.Rand == nil {
		return errors.New("ppp: Rand: must not be nil")
	}
	if min(c.Restart, c.RestartInitial, c.EchoInterval) < 0 {
		return fmt.Errorf("ppp: Restart %v, RestartInitial %v, EchoInterval %v: must not be negative",
			c.Restart, c.RestartInitial, c.EchoInterval)
	}
	if min(c.MaxConfigure, c.MaxTerminate, c.MaxFailure, c.EchoFails) < 0 {
		return fmt.Errorf("ppp: MaxConfigure %d, MaxTerminate %d, MaxFailure %d, EchoFails %d: must not be negative",
			c.MaxConfigure, c.MaxTerminate, c.MaxFailure, c.EchoFails)
	}
	if c.MRU != 0 && c.MRU < c.leastMRU() {
		return fmt.Errorf("ppp: MRU %d: must be at least %d", c.MRU, c.leastMRU())
	}
	if c.Auth != nil {
		if err := c.Auth.validate(); err != nil {
			return err
		}
	}
	if c.IPv4 != nil {
		return c.IPv4.validate()
	}
	return nil
}

// leastMRU returns the smallest MRU that we agree to, for either end.
func (c *Config) leastMRU() uint16 {
	switch {
	case c.IPv6 != nil:
		return minIPv6MRU
	case c.Auth != nil:
		return minAuthMRU
	}
	return minMRU
}

func (c *IPv4Config) validate() error {
	switch {
	case c.Mode > Unnumbered:
		return fmt.Errorf("ppp: IPv4 mode %d: must be Configured, Learned or Unnumbered", c.Mode)
	case c.Mode == Configured && !unicast(c.Local):
		return fmt.Errorf("ppp: local address %v: must be an IPv4 unicast address in mode Configured", c.Local)
	case c.Peer.IsValid() && !unicast(c.Peer):
		return fmt.Errorf("ppp: peer address %v: must be an IPv4 unicast address", c.Peer)
	case c.Within.IsValid() && !c.Within.Addr().Is4():
		return fmt.Errorf("ppp: peer within %v: must be an IPv4 prefix", c.Within)
	case c.Within.IsValid() && c.Peer.IsValid() && !c.Within.Contains(c.Peer):
		return fmt.Errorf("ppp: peer address %v: must be within %v", c.Peer, c.Within)
	case c.Mode == Configured && c.Local == c.Peer:
		return fmt.Errorf("ppp: local and peer address are both %v: must differ", c.Local)
	}
	return nil
}

// withDefaults replaces fields that are zero or negative by their defaults.
func (c Config) withDefaults() Config {
	if c.MRU == 0 {
		c.MRU = defaultMRU
	}
	c.Restart = positive(c.Restart, 3*time.Second)
	c.RestartInitial = min(positive(c.RestartInitial, 250*time.Millisecond), c.Restart)
	c.MaxConfigure = positive(c.MaxConfigure, 10)
	c.MaxTerminate = positive(c.MaxTerminate, 2)
	c.MaxFailure = positive(c.MaxFailure, 5)
	c.EchoFails = positive(c.EchoFails, 5)
	return c
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// unicast reports whether a is an IPv4 address that an end of a link may have: not in 0.0.0.0/8 or
// 127.0.0.0/8, and not multicast, reserved or broadcast.
func unicast(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	first := a.As4()[0]
	return first != 0 && first != 127 && first < 224
}
