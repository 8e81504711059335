package vr

import (
	"fmt"
	"net/netip"
	"slices"
)

// Interface is the wanted configuration of an interface in a virtual router.
type Interface struct {
	MTU int // octets of IP packet; 0 leaves it unchanged
	Up  bool

	// Local and Peer are the IPv4 addresses of the point-to-point link; Local invalid: unnumbered.
	Local, Peer netip.Addr

	// LinkLocal and PeerLinkLocal are the interface identifiers of the link-local IPv6 addresses
	// (RFC 5072, section 4.1): fe80::LinkLocal/64, present while the interface is up; LinkLocal 0:
	// no link-local address.
	LinkLocal, PeerLinkLocal uint64

	// Addresses are further IPv6 addresses with their prefix lengths, present while the interface
	// is up.
	Addresses []netip.Prefix

	// Routes are the IPv4 and IPv6 prefixes that are routed into the interface while it is up.
	Routes []netip.Prefix
}

// minMTU6 is the smallest MTU with which Linux keeps IPv6 on an interface (RFC 8200, section 5).
const minMTU6 = 1280

// NeedsIPv6 reports whether the configuration contains anything of IPv6.
func (c Interface) NeedsIPv6() bool {
	return c.LinkLocal != 0 || len(c.Addresses) > 0 ||
		slices.ContainsFunc(c.Routes, func(p netip.Prefix) bool { return p.Addr().Is6() })
}

// Validate returns an error for a configuration that no interface can have.
func (c Interface) Validate() error {
	switch {
	case c.Local.IsValid() && !c.Local.Is4(), c.Peer.IsValid() && !c.Peer.Is4():
		return fmt.Errorf("addresses %v and %v: want IPv4 addresses", c.Local, c.Peer)
	case slices.ContainsFunc(c.Addresses, func(p netip.Prefix) bool { return !p.Addr().Is6() }):
		return fmt.Errorf("addresses %v: want IPv6 addresses", c.Addresses)
	case c.Up && c.MTU != 0 && c.MTU < minMTU6 && c.NeedsIPv6():
		return fmt.Errorf("MTU %d: IPv6 needs at least %d octets", c.MTU, minMTU6)
	}
	return nil
}
