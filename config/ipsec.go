package config

import (
	"errors"
	"net/netip"
	"slices"
)

// IPsec is the protection of links. It is the class of a control connection too: peers have one for
// each class that their links need, on ports of their own, so that IPsec's selectors can tell them
// apart.
type IPsec string

// The classes.
const (
	IPsecNone     IPsec = "none"     // packets cross the provider's network in clear
	IPsecRequired IPsec = "required" // nothing is ever sent in clear
)

// Class is the class of the control connection that carries the link.
func (l *Link) Class() IPsec {
	if l.IPsec == IPsecRequired {
		return IPsecRequired
	}
	return IPsecNone
}

// completeIPsec gives each link that does not say otherwise the protection of its VPN.
func (c *Config) completeIPsec(r *report) {
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			if l := &v.Links[j]; l.IPsec == "" && !r.told(linkKey(v.Name, j, "ipsec")) {
				l.IPsec = v.IPsec
			}
		}
	}
}

// Classes are those that the links to a peer have; IPsecNone if there are no links.
func (c *Config) Classes(peer string) []IPsec {
	var classes []IPsec
	for _, class := range []IPsec{IPsecNone, IPsecRequired} {
		if c.firstOf(peer, class) != "" {
			classes = append(classes, class)
		}
	}
	if classes == nil {
		return []IPsec{IPsecNone}
	}
	return classes
}

// firstOf is the path of the first link of that class to a peer; empty: there is none.
func (c *Config) firstOf(peer string, class IPsec) string {
	for _, v := range c.VPNs {
		i := slices.IndexFunc(v.Links, func(l Link) bool { return l.Peer == peer && l.Class() == class })
		if i >= 0 {
			return element(join("vpns", v.Name, "links"), i)
		}
	}
	return ""
}

// ProtectedSessionIDs is the bit that the IDs of sessions have which IPsec protects.
const ProtectedSessionIDs = 1 << 31

// protects reports whether any link requires IPsec.
func (c *Config) protects() bool {
	return slices.ContainsFunc(c.Peers, func(p Peer) bool { return !p.IsStatic() && c.firstOf(p.Name, IPsecRequired) != "" })
}

// RefuseClear is an error for each link in clear, which the daemon was told not to have; file is
// where the configuration is from.
func (c *Config) RefuseClear(file string) error {
	r := &report{file: file}
	for _, v := range c.VPNs {
		for i, l := range v.Links {
			if l.Class() != IPsecRequired {
				r.add(linkKey(v.Name, i, "ipsec"), "%q is refused, as the daemon runs with --require-ipsec; want required, here or at the VPN", l.IPsec)
			}
		}
	}
	return errors.Join(r.problems...)
}

// checkSharedAddress reports clear and protected links over IP to the same address: what is to be
// protected is known by that alone, as source NAT may change ours.
func (c *Config) checkSharedAddress(r *report) {
	clear := map[netip.Addr]string{}
	for _, p := range c.Peers {
		if p.Encapsulation == EncapsulationIP && c.firstOf(p.Name, IPsecNone) != "" {
			clear[p.Address] = p.Name
		}
	}
	for _, p := range c.Peers {
		address, other := join("peers", p.Name, "address"), clear[p.Address]
		if p.Encapsulation == EncapsulationIP && other != "" && other != p.Name && c.firstOf(p.Name, IPsecRequired) != "" && !r.told(address) {
			r.add(address, "%q (IP) is also the address of peer %s, which has links without IPsec, and over IP nothing else tells them apart; "+
				"want another address, udp, or the same ipsec for all links to this address", p.Address, other)
		}
	}
}

// checkIPsec reports classes that nothing would tell apart.
func (c *Config) checkIPsec(r *report) {
	if l := &c.Local; l.Port != 0 && l.Port == l.PortProtected {
		r.add("local.port_protected", "%d is local.port too, which is for links without IPsec; want another port", l.PortProtected)
	}
	c.checkSharedAddress(r)
	protectedCallers := callers{}
	for _, p := range c.Peers {
		at := join("peers", p.Name)
		if p.Encapsulation != EncapsulationIP {
			if p.Port != 0 && p.Port == p.PortProtected {
				r.add(join(at, "port_protected"), "%d is the peer's port too, which is for links without IPsec; want another port", p.PortProtected)
			}
			protected := netip.AddrPortFrom(p.Address, p.PortProtected)
			if c.firstOf(p.Name, IPsecRequired) == "" || !p.Address.IsValid() {
				continue
			}
			if other := protectedCallers.claim(c.LocalAddress(&p), path{protected, c.Local.PortProtected}, p.Name); other != "" {
				r.add(join(at, "port_protected"), "%q is also peer %s, for what IPsec protects; want another address or port", protected, other)
			}
			continue
		}
		clear, protected := c.firstOf(p.Name, IPsecNone), c.firstOf(p.Name, IPsecRequired)
		if clear != "" && protected != "" {
			r.add(join(at, "encapsulation"), "%q has no ports, and nothing else tells the protected %s from %s between the same two addresses; "+
				"want udp, the same ipsec for all links to this peer, or a second peer with another address", p.Encapsulation, protected, clear)
		}
	}
}
