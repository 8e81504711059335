package config

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// LinkAddress is the IPv4 address of the local end of a link. The zero value makes the link
// unnumbered.
type LinkAddress struct {
	Prefix netip.Prefix // the address with its prefix length; /32 if the file has no length
	Learn  bool         // request it from the peer (RFC 1332, section 3.3); Prefix is then zero
}

// UnmarshalText parses learn, an IPv4 address, or an IPv4 address with its prefix length.
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
			return fmt.Errorf("invalid address %q; expected learn or an IPv4 address such as 10.255.0.0/31", s)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if !prefix.Addr().Is4() {
		return fmt.Errorf("%q is not an IPv4 address; use address6 for IPv6", s)
	}
	if why := notHost(prefix.Addr()); why != "" {
		return fmt.Errorf("%q %s; expected the address of a host, such as 10.255.0.0/31", s, why)
	}
	if prefix.Bits() < 31 { // RFC 3021: both addresses of a /31 are hosts
		switch first, last := ends(prefix); prefix.Addr() {
		case first:
			return fmt.Errorf("%q is the network address; expected a host address such as %s", s, netip.PrefixFrom(first.Next(), prefix.Bits()))
		case last:
			return fmt.Errorf("%q is the broadcast address; expected a host address such as %s", s, netip.PrefixFrom(last.Prev(), prefix.Bits()))
		}
	}
	*a = LinkAddress{Prefix: prefix}
	return nil
}

// String returns the address as it is written in the file.
func (a LinkAddress) String() string {
	switch {
	case a.Learn:
		return "learn"
	case a.Prefix.IsValid():
		return a.Prefix.String()
	}
	return ""
}

// LinkAddress6 is an IPv6 address of the local end of a link, in addition to the link-local one.
type LinkAddress6 struct {
	Prefix netip.Prefix // the address with its prefix length; /128 if the file has no length
}

// UnmarshalText parses an IPv6 address with or without its prefix length.
func (a *LinkAddress6) UnmarshalText(text []byte) error {
	s := string(text)
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return fmt.Errorf("invalid IPv6 address %q; expected one such as 2001:db8::1/64", s)
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch addr := prefix.Addr(); {
	case !addr.Is6() || addr.Is4In6():
		return fmt.Errorf("%q is not an IPv6 address; use the key address for IPv4", s)
	case notHost(addr) != "":
		return fmt.Errorf("%q %s; expected the address of a host, such as 2001:db8::1/64", s, notHost(addr))
	case addr.IsLinkLocalUnicast():
		return fmt.Errorf("%q is a link-local address, which IPV6CP negotiates; expected a global or unique local address", s)
	case prefix.Bits() < 127 && prefix.Masked() == prefix: // RFC 6164: a /127 has no such address
		return fmt.Errorf("%q is the subnet-router anycast address; expected a host address such as %s", s, netip.PrefixFrom(addr.Next(), prefix.Bits()))
	}
	*a = LinkAddress6{prefix}
	return nil
}

// String returns the address as it is written in the file.
func (a LinkAddress6) String() string { return a.Prefix.String() }

// InterfaceAddress is an address of a customer interface.
type InterfaceAddress struct {
	Prefix netip.Prefix // the address with its prefix length
}

// UnmarshalText parses an IPv4 or IPv6 address with its prefix length.
func (a *InterfaceAddress) UnmarshalText(text []byte) error {
	s := string(text)
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return fmt.Errorf("%q is not an address with a prefix length; expected one such as 10.1.1.1/24 or 2001:db8:1::1/64", s)
	}
	if why := notHost(prefix.Addr()); why != "" {
		return fmt.Errorf("%q %s; expected the address of a host", s, why)
	}
	subnet := prefix.Masked() == prefix && !prefix.IsSingleIP()
	switch {
	case prefix.Addr().Is4() && prefix.Bits() < 31: // RFC 3021: both addresses of a /31 are hosts
		switch first, last := ends(prefix); {
		case subnet:
			return fmt.Errorf("%q is the network address; expected a host address such as %s", s, netip.PrefixFrom(first.Next(), prefix.Bits()))
		case prefix.Addr() == last:
			return fmt.Errorf("%q is the broadcast address; expected a host address such as %s", s, netip.PrefixFrom(last.Prev(), prefix.Bits()))
		}
	case prefix.Addr().Is6() && prefix.Bits() < 127 && subnet: // RFC 6164
		return fmt.Errorf("%q is the subnet-router anycast address; expected a host address such as %s", s, netip.PrefixFrom(prefix.Addr().Next(), prefix.Bits()))
	}
	*a = InterfaceAddress{prefix}
	return nil
}

// String returns the address as it is written in the file.
func (a InterfaceAddress) String() string { return a.Prefix.String() }

// ends returns the lowest and the highest address of an IPv4 prefix.
func ends(prefix netip.Prefix) (first, last netip.Addr) {
	first = prefix.Masked().Addr()
	octets := first.As4()
	binary.BigEndian.PutUint32(octets[:], binary.BigEndian.Uint32(octets[:])|(1<<(32-prefix.Bits())-1))
	return first, netip.AddrFrom4(octets)
}

// notHost returns the reason why addr is not the address of a single host, or "" if it is.
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
