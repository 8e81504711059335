package config

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// LinkAddress is the IPv4 address of our end of a link. The zero value makes the link unnumbered.
type LinkAddress struct {
	Prefix netip.Prefix // the address with the length of its prefix; /32 if none was written
	Learn  bool         // ask the peer for the address (RFC 1332 section 3.3); Prefix is then the zero value
}

// UnmarshalText reads learn, an IPv4 address, or an IPv4 address with the length of its prefix.
func (a *LinkAddress) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "learn" {
		*a = LinkAddress{Learn: true}
		return nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%q is neither learn nor an IPv4 address such as 10.255.0.0/31", s)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if !prefix.Addr().Is4() {
		return fmt.Errorf("%q is not IPv4; the IPv6 addresses of a link come from IPV6CP", s)
	}
	if why := notHost(prefix.Addr()); why != "" {
		return fmt.Errorf("%q %s; want the address of a host, such as 10.255.0.0/31", s, why)
	}
	if prefix.Bits() < 31 { // RFC 3021: a /31 has two hosts and nothing else
		switch first, last := ends(prefix); prefix.Addr() {
		case first:
			return fmt.Errorf("%q is the subnet itself; want a host of it, such as %s", s, netip.PrefixFrom(first.Next(), prefix.Bits()))
		case last:
			return fmt.Errorf("%q is the subnet's broadcast address; want a host of it, such as %s", s, netip.PrefixFrom(last.Prev(), prefix.Bits()))
		}
	}
	*a = LinkAddress{Prefix: prefix}
	return nil
}

// String is the address as it is written.
func (a LinkAddress) String() string {
	switch {
	case a.Learn:
		return "learn"
	case a.Prefix.IsValid():
		return a.Prefix.String()
	}
	return ""
}

// LinkAddress6 is an IPv6 address of our end of a link, beside the link-local one.
type LinkAddress6 struct {
	Prefix netip.Prefix // the address with the length of its prefix; /128 if none was written
}

// UnmarshalText reads an IPv6 address, or one with the length of its prefix.
func (a *LinkAddress6) UnmarshalText(text []byte) error {
	s := string(text)
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return fmt.Errorf("%q is no IPv6 address such as 2001:db8::1/64", s)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch addr := prefix.Addr(); {
	case !addr.Is6() || addr.Is4In6():
		return fmt.Errorf("%q is not IPv6; want address for an IPv4 address", s)
	case notHost(addr) != "":
		return fmt.Errorf("%q %s; want the address of a host, such as 2001:db8::1/64", s, notHost(addr))
	case addr.IsLinkLocalUnicast():
		return fmt.Errorf("%q is a link-local address, which IPV6CP makes; want a global or unique local address", s)
	case prefix.Bits() < 127 && prefix.Masked() == prefix: // RFC 6164: a /127 has no such address
		return fmt.Errorf("%q is the subnet itself; want a host of it, such as %s", s, netip.PrefixFrom(addr.Next(), prefix.Bits()))
	}
	*a = LinkAddress6{prefix}
	return nil
}

// String is the address as it is written.
func (a LinkAddress6) String() string { return a.Prefix.String() }

// InterfaceAddress is an address of an interface towards a customer.
type InterfaceAddress struct {
	Prefix netip.Prefix // the address with the length of its prefix
}

// UnmarshalText reads an IPv4 or IPv6 address with the length of its prefix.
func (a *InterfaceAddress) UnmarshalText(text []byte) error {
	s := string(text)
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return fmt.Errorf("%q is no address with the length of its prefix, such as 10.1.1.1/24 or 2001:db8:1::1/64", s)
	}
	if why := notHost(prefix.Addr()); why != "" {
		return fmt.Errorf("%q %s; want the address of a host", s, why)
	}
	subnet := prefix.Masked() == prefix && !prefix.IsSingleIP()
	switch {
	case prefix.Addr().Is4() && prefix.Bits() < 31: // RFC 3021: a /31 has two hosts and nothing else
		switch first, last := ends(prefix); {
		case subnet:
			return fmt.Errorf("%q is the subnet itself; want a host of it, such as %s", s, netip.PrefixFrom(first.Next(), prefix.Bits()))
		case prefix.Addr() == last:
			return fmt.Errorf("%q is the subnet's broadcast address; want a host of it, such as %s", s, netip.PrefixFrom(last.Prev(), prefix.Bits()))
		}
	case prefix.Addr().Is6() && prefix.Bits() < 127 && subnet: // RFC 6164
		return fmt.Errorf("%q is the subnet itself; want a host of it, such as %s", s, netip.PrefixFrom(prefix.Addr().Next(), prefix.Bits()))
	}
	*a = InterfaceAddress{prefix}
	return nil
}

// String is the address as it is written.
func (a InterfaceAddress) String() string { return a.Prefix.String() }

// ends are the lowest and the highest address of an IPv4 prefix.
func ends(prefix netip.Prefix) (first, last netip.Addr) {
	first = prefix.Masked().Addr()
	octets := first.As4()
	binary.BigEndian.PutUint32(octets[:], binary.BigEndian.Uint32(octets[:])|(1<<(32-prefix.Bits())-1))
	return first, netip.AddrFrom4(octets)
}

// notHost says why addr is not the address of one host, or is empty if it is.
func notHost(addr netip.Addr) string {
	switch {
	case addr.IsUnspecified():
		return "is the unspecified address"
	case addr.IsMulticast():
		return "is a multicast address"
	case addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "is the broadcast address"
	}
	return ""
}
