package config

import (
	"errors"
	"net/netip"
	"slices"
)

// IPsec is the protection class of a link, and of the control connection that carries it. A peer
// has one control connection for each class of its links, each on its own port, so that IPsec's
// selectors can distinguish them.
type IPsec string

// The classes.
const (
	IPsecNone     IPsec = "none"     // clear: packets cross the provider's network unencrypted
	IPsecRequired IPsec = "required" // protected: nothing is ever sent in the clear
)

// Class returns the class of the control connection that carries the link.
func (l *Link) Class() IPsec {
	if l.IPsec == IPsecRequired {
		return IPsecRequired
	}
	return IPsecNone
}

// completeIPsec sets the class of each link without one to that of its VPN.
func (c *Config) completeIPsec(r *report) {
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			if l := &v.Links[j]; l.IPsec == "" && !r.reported(linkKey(v.Name, j, "ipsec")) {
				l.IPsec = v.IPsec
			}
		}
	}
}

// Classes returns the classes of the links to a peer; IPsecNone alone if it has no links.
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

// firstOf returns the path of the first link of a class to a peer, or "" if it has none.
func (c *Config) firstOf(peer string, class IPsec) string {
	for _, v := range c.VPNs {
		i := slices.IndexFunc(v.Links, func(l Link) bool { return l.Peer == peer && l.Class() == class })
		if i >= 0 {
			return element(join("vpns", v.Name, "links"), i)
		}
	}
	return ""
}

// ProtectedSessionIDs is the bit that is set in the local IDs of all sessions protected by IPsec.
const ProtectedSessionIDs = 1 << 31

// protects reports whether any link requires IPsec.
func (c *Config) protects() bool {
	return slices.ContainsFunc(c.Peers, func(p Peer) bool { return !p.IsStatic() && c.firstOf(p.Name, IPsecRequired) != "" })
}

// RefuseClear returns an error for each link without IPsec, for a daemon that runs with
// --require-ipsec. The errors name file, the path of the configuration.
func (c *Config) RefuseClear(file string) error {
	r := &report{file: file}
	for _, v := range c.VPNs {
		for i, l := range v.Links {
			if l.Class() != IPsecRequired {
				r.add(linkKey(v.Name, i, "ipsec"), "%q is refused because l2tpvld runs with --require-ipsec; set required, here or at the VPN", l.IPsec)
			}
		}
	}
	return errors.Join(r.problems...)
}

// checkSharedAddress reports clear and protected links over IP to the same peer address. Only that
// address distinguishes them, because source NAT may change the local one.
func (c *Config) checkSharedAddress(r *report) {
	clear := map[netip.Addr]string{}
	for _, p := range c.Peers {
		if p.Encapsulation == EncapsulationIP && c.firstOf(p.Name, IPsecNone) != "" {
			clear[p.Address] = p.Name
		}
	}
	for _, p := range c.Peers {
		address, other := join("peers", p.Name, "address"), clear[p.Address]
		if p.Encapsulation == EncapsulationIP && other != "" && other != p.Name && c.firstOf(p.Name, IPsecRequired) != "" && !r.reported(address) {
			r.add(address, "%q (IP) is also the address of peer %s, which has links without IPsec; over IP only the address distinguishes them; "+
				"use another address, udp, or the same ipsec for all links to this address", p.Address, other)
		}
	}
}

// checkIPsec reports clear and protected control connections that no address or port distinguishes.
func (c *Config) checkIPsec(r *report) {
	if l := &c.Local; l.Port != 0 && l.Port == l.PortProtected {
		r.add("local.port_protected", "%d is also local.port, which is for links without IPsec; use another port", l.PortProtected)
	}
	c.checkSharedAddress(r)
	protectedRemotes := remotes{}
	for _, p := range c.Peers {
		at := join("peers", p.Name)
		if p.Encapsulation != EncapsulationIP {
			if p.Port != 0 && p.Port == p.PortProtected {
				r.add(join(at, "port_protected"), "%d is also the peer's port for links without IPsec; use another port", p.PortProtected)
			}
			protected := netip.AddrPortFrom(p.Address, p.PortProtected)
			if c.firstOf(p.Name, IPsecRequired) == "" || !p.Address.IsValid() {
				continue
			}
			if other := protectedRemotes.claim(c.LocalAddress(&p), path{protected, c.Local.PortProtected}, p.Name); other != "" {
				r.add(join(at, "port_protected"), "%q is also the protected address and port of peer %s; use another address or port", protected, other)
			}
			continue
		}
		clear, protected := c.firstOf(p.Name, IPsecNone), c.firstOf(p.Name, IPsecRequired)
		if clear != "" && protected != "" {
			r.add(join(at, "encapsulation"), "%q has no ports, so nothing distinguishes the protected %s from %s between the same two addresses; "+
				"use udp, the same ipsec for all links to this peer, or a second peer with another address", p.Encapsulation, protected, clear)
		}
	}
}
