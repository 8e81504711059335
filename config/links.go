package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// maxInterface is the length of the longest name of an interface, in octets: IFNAMSIZ without its
// end.
const maxInterface = 15

// nameInterfaces gives each link without a name for its interface the default one.
func (c *Config) nameInterfaces(r *report) {
	peers := c.peerNames()
	for i := range c.VPNs {
		v := &c.VPNs[i]
		for j := range v.Links {
			l := &v.Links[j]
			key := linkKey(v.Name, j, "interface")
			if l.Interface != "" || r.told(key) || r.told(join("vpns", v.Name)) || !slices.Contains(peers, l.Peer) {
				continue
			}
			l.Interface = "vl-" + v.Name + "-" + l.Peer
			if len(l.Interface) > maxInterface {
				r.add(key, "is missing, and its default %q has %d octets; want a name of at most %d", l.Interface, len(l.Interface), maxInterface)
			}
		}
	}
}

// linkKey is the path of a key of link i of a VPN.
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
				r.add(key("peer"), "%q is no peer; %s", l.Peer, insteadOfPeer(l.Peer, peers))
			case twice:
				r.add(key("peer"), "%q has a link in this VPN already, %s; want one a peer", l.Peer, element("links", other))
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

// uses says which key claims what only one link of a virtual router can have: an interface's name,
// or a route's prefix.
type uses map[use]string

type use struct{ where, what string }

func (u uses) claim(r *report, key, where, what string) {
	if other, taken := u[use{where, what}]; taken {
		r.add(key, "%q is taken in %s by %s; want another", what, where, other)
		return
	}
	u[use{where, what}] = key
}

// insteadOfPeer is what to write instead of the name of no peer.
func insteadOfPeer(name string, peers []string) string {
	if near := nearest(name, peers); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "want one of those under peers: " + strings.Join(peers, ", ")
}

var interfaceName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// notInterface are names that the kernel refuses or has for other things.
var notInterface = []string{".", "..", "lo", "all", "default"}

func checkInterfaceName(r *report, key, name string) {
	switch {
	case name == "" || r.told(key):
	case len(name) > maxInterface:
		r.add(key, "%q has %d octets; want at most %d", name, len(name), maxInterface)
	case !interfaceName.MatchString(name) || slices.Contains(notInterface, name):
		r.add(key, "%q is no name for an interface; want letters, digits, '.', '_' and '-', and none of %s", name, strings.Join(notInterface, " "))
	}
}

func (l *Link) checkAddresses(r *report, key func(string) string) {
	if !l.IPv4 && !l.IPv6 && !r.told(key("ipv4")) && !r.told(key("ipv6")) {
		r.add(key("ipv6"), "is false, and ipv4 too: the link would carry nothing; want one of them true")
	}
	if !l.IPv4 && !r.told(key("ipv4")) {
		if l.Address != (LinkAddress{}) {
			r.add(key("address"), "needs IPv4, and ipv4 is false; want ipv4: true or no address")
		}
		if l.PeerAddress.IsValid() {
			r.add(key("peer_address"), "needs IPv4, and ipv4 is false; want ipv4: true or no peer_address")
		}
	}
	if len(l.Address6) > 0 && !l.IPv6 && !r.told(key("ipv6")) {
		r.add(key("address6"), "needs IPv6, and ipv6 is false; want ipv6: true or no address6")
	}
	if !l.PeerAddress.IsValid() {
		return
	}
	checkHost(r, key("peer_address"), l.PeerAddress)
	switch {
	case !l.PeerAddress.Is4():
		r.add(key("peer_address"), "%q is not IPv4; the IPv6 addresses of a link come from IPV6CP", l.PeerAddress)
	case l.PeerAddress == l.Address.Prefix.Addr():
		r.add(key("peer_address"), "%q is our own address of this link; want the peer's", l.PeerAddress)
	case l.Address.Prefix.IsValid() && !l.Address.Prefix.IsSingleIP() && !l.Address.Prefix.Contains(l.PeerAddress):
		r.add(key("peer_address"), "%q is outside of %s, the prefix of address; want one inside, or address: %s without a length",
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
			r.add(at, "%q has bits beyond its length; want %q", route, masked)
		}
		if !l.carries(route) && !r.told(key("ipv4")) && !r.told(key("ipv6")) {
			r.add(at, "%q is of a protocol that the link does not carry; want ipv4 and ipv6 to allow it", route)
		}
	}
}

// carries reports whether packets to prefix can take the link.
func (l *Link) carries(prefix netip.Prefix) bool {
	if prefix.Addr().Is4() {
		return l.IPv4
	}
	return l.IPv6
}
