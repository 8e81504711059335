package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// maxInterface is the length of the longest interface name in octets: IFNAMSIZ without the
// terminating zero.
const maxInterface = 15

// nameInterfaces sets the default interface name of each link without one.
func (c *Config) nameInterfaces(r *report) {
	peers := c.peerNames()
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			l := &v.Links[j]
			key := linkKey(v.Name, j, "interface")
			if l.Interface != "" || r.reported(key) || r.reported(join("vpns", v.Name)) || !slices.Contains(peers, l.Peer) {
				continue
			}
			l.Interface = "vl-" + v.Name + "-" + l.Peer
			if len(l.Interface) > maxInterface {
				r.add(key, "missing, and the default %q has %d octets; expected a name of at most %d", l.Interface, len(l.Interface), maxInterface)
			}
		}
	}
}

// linkKey returns the path of a key of link i of a VPN.
func linkKey(vpn string, i int, key string) string {
	return join(element(join("vpns", vpn, "links"), i), key)
}

func (c *Config) peerNames() []string {
	names := make([]string, 0, len(c.Peers))
	for _, p := range c.Peers {
		names = append(names, p.Name)
	}
	return names
}

func (c *Config) checkLinks(r *report) {
	peers := c.peerNames()
	used := uses{}
	for _, v := range c.VPNs {
		if v.VR.VRF != "" {
			used[use{v.VR.devices(), v.VR.VRF}] = join("vpns", v.Name, "vr", "vrf")
		}
	}
	for _, v := range c.VPNs {
		v.claimInterfaces(r, used)
	}
	for _, v := range c.VPNs {
		toPeer := map[string]int{}
		for i, l := range v.Links {
			key := func(k string) string { return linkKey(v.Name, i, k) }

			other, twice := toPeer[l.Peer]
			switch {
			case l.Peer == "":
			case !slices.Contains(peers, l.Peer):
				r.add(key("peer"), "unknown peer %q; %s", l.Peer, suggestPeer(l.Peer, peers))
			case twice:
				r.add(key("peer"), "%q already has a link in this VPN, %s; expected one link for each peer", l.Peer, element("links", other))
			default:
				toPeer[l.Peer] = i
			}

			checkInterfaceName(r, key("interface"), l.Interface)
			l.checkAddresses(r, key)
			l.checkRoutes(r, key)

			if !v.VR.isSet() {
				continue
			}
			if l.Interface != "" {
				used.claim(r, key("interface"), v.VR.devices(), l.Interface)
			}
			for j, route := range l.Routes {
				if route.IsValid() {
					used.claim(r, element(key("routes"), j), v.VR.String(), route.String())
				}
			}
		}
	}
}

// uses has the key that claims each value that must be unique in some scope, such as the name of an
// interface or the prefix of a route in a virtual router.
type uses map[use]string

type use struct{ where, what string }

func (u uses) claim(r *report, key, where, what string) {
	if other, taken := u[use{where, what}]; taken {
		r.add(key, "%q is already used in %s by %s; use another", what, where, other)
		return
	}
	u[use{where, what}] = key
}

// suggestPeer returns what to write instead of the name of an unknown peer.
func suggestPeer(name string, peers []string) string {
	if near := nearest(name, peers); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "expected one of those under peers: " + strings.Join(peers, ", ")
}

var interfaceName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// reservedInterfaces are names that the kernel refuses or uses for other purposes.
var reservedInterfaces = []string{".", "..", "lo", "all", "default"}

func checkInterfaceName(r *report, key, name string) {
	switch {
	case name == "" || r.reported(key):
	case len(name) > maxInterface:
		r.add(key, "%q has %d octets; expected at most %d", name, len(name), maxInterface)
	case !interfaceName.MatchString(name) || slices.Contains(reservedInterfaces, name):
		r.add(key, "invalid interface name %q; expected letters, digits, '.', '_' and '-', and none of %s", name, strings.Join(reservedInterfaces, " "))
	}
}

func (l *Link) checkAddresses(r *report, key func(string) string) {
	if !l.IPv4 && !l.IPv6 && !r.reported(key("ipv4")) && !r.reported(key("ipv6")) {
		r.add(key("ipv6"), "ipv4 and ipv6 are both false, so the link would carry nothing; set one of them to true")
	}
	if !l.IPv4 && !r.reported(key("ipv4")) {
		if l.Address != (LinkAddress{}) {
			r.add(key("address"), "requires IPv4, but ipv4 is false; set ipv4: true or remove address")
		}
		if l.PeerAddress.IsValid() {
			r.add(key("peer_address"), "requires IPv4, but ipv4 is false; set ipv4: true or remove peer_address")
		}
	}
	if len(l.Address6) > 0 && !l.IPv6 && !r.reported(key("ipv6")) {
		r.add(key("address6"), "requires IPv6, but ipv6 is false; set ipv6: true or remove address6")
	}
	if !l.PeerAddress.IsValid() {
		return
	}
	checkHost(r, key("peer_address"), l.PeerAddress)
	switch {
	case !l.PeerAddress.Is4():
		r.add(key("peer_address"), "%q is not an IPv4 address; IPV6CP negotiates the peer's IPv6 address", l.PeerAddress)
	case l.PeerAddress == l.Address.Prefix.Addr():
		r.add(key("peer_address"), "%q is the local address of this link; expected the peer's", l.PeerAddress)
	case l.Address.Prefix.IsValid() && !l.Address.Prefix.IsSingleIP() && !l.Address.Prefix.Contains(l.PeerAddress):
		r.add(key("peer_address"), "%q is outside %s, the prefix of address; expected an address inside it, or address: %s without a prefix length",
			l.PeerAddress, l.Address.Prefix.Masked(), l.Address.Prefix.Addr())
	}
}

func (l *Link) checkRoutes(r *report, key func(string) string) {
	for i, route := range l.Routes {
		if !route.IsValid() {
			continue
		}
		at := element(key("routes"), i)
		if masked := route.Masked(); masked != route {
			r.add(at, "%q has bits set beyond its prefix length; expected %q", route, masked)
		}
		if !l.carries(route) && !r.reported(key("ipv4")) && !r.reported(key("ipv6")) {
			r.add(at, "%q is of a protocol that the link does not carry; enable it with ipv4: true or ipv6: true", route)
		}
	}
}

// carries reports whether the link carries the protocol of prefix.
func (l *Link) carries(prefix netip.Prefix) bool {
	if prefix.Addr().Is4() {
		return l.IPv4
	}
	return l.IPv6
}
