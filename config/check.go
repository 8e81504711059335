package config

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/l2tpvl/l2tpvl/endid"
)

// check reports what no single value shows: values that contradict each other, and those that stand
// for something impossible. It passes over values that are zero: decode has told why.
func (c *Config) check(r *report) {
	c.Local.check(r)
	c.checkPeers(r)
	c.checkVPNs(r)
	c.checkLinks(r)
	c.checkAuth(r)
	c.checkIPsec(r)
	c.checkIKE(r)
	c.checkStatic(r)
	checkSocket(r, "api.socket", c.API.Socket)
	checkSocket(r, "local.vici_socket", c.Local.VICISocket)
}

func checkSocket(r *report, key, path string) {
	if path != "" && (!filepath.IsAbs(path) || len(path) > maxSocketPath) {
		r.add(key, "%q is no path for a socket; want an absolute path of at most %d octets", path, maxSocketPath)
	}
}

// maxSocketPath is the room for a path in struct sockaddr_un, but for its end.
const maxSocketPath = 107

// printableASCII is text that disturbs nobody who reads it.
var printableASCII = regexp.MustCompile(`^[ -~]*$`)

// hostName is what RFC 3931 section 5.4.3 asks of a Host Name: US-ASCII and not empty. Spaces and
// control characters would only disturb.
var hostName = regexp.MustCompile(`^[!-~]{1,255}$`)

func (l *Local) check(r *report) {
	if l.HostName != "" && !hostName.MatchString(l.HostName) {
		r.add("local.hostname", "%q is no host name; want 1 to 255 printable ASCII characters without spaces", l.HostName)
	}
	if l.RouterID.IsValid() && (!l.RouterID.Is4() || l.RouterID.IsUnspecified()) {
		r.add("local.router_id", "%q is no router ID; want an IPv4 address other than 0.0.0.0", l.RouterID)
	}
	checkRouted(r, "local.address", l.Address)
}

// checkHost reports an address that is not that of one host.
func checkHost(r *report, key string, addr netip.Addr) {
	if !addr.IsValid() {
		return
	}
	if why := notHost(addr); why != "" {
		r.add(key, "%q %s; want the address of a host", addr, why)
	}
}

// checkRouted reports an address that the provider's network cannot route to one host.
func checkRouted(r *report, key string, addr netip.Addr) {
	checkHost(r, key, addr)
	if addr.Zone() != "" || addr.Is6() && addr.IsLinkLocalUnicast() {
		r.add(key, "%q holds on one link alone; want a global or unique local address", addr)
	}
}

// path is what tells the sockets to two peers apart, beside our own address. Over IP there are no
// ports.
type path struct {
	peer      netip.AddrPort
	localPort uint16
}

func (c *Config) checkPeers(r *report) {
	callers := callers{}
	for _, p := range c.Peers {
		at := join("peers", p.Name)
		if !p.IsStatic() {
			p.checkAuthentication(r, at)
		}
		if p.Retransmit.Initial > p.Retransmit.Cap && p.Retransmit.Cap != 0 {
			r.add(join(at, "retransmit", "cap"), "%s is less than retransmit.initial, %s; want that or more", p.Retransmit.Cap, p.Retransmit.Initial)
		}
		if !p.Address.IsValid() {
			continue
		}
		address := join(at, "address")
		checkRouted(r, address, p.Address)
		local, localKey := c.LocalAddress(&p), "local.address"
		if p.LocalAddress.IsValid() {
			localKey = join(at, "local_address")
			checkRouted(r, localKey, local)
		}
		way := path{p.AddrPort(), c.LocalPort(p)}
		switch other := callers.claim(local, way, p.Name); {
		case other != "":
			r.add(address, "%q is also the address of peer %s; want another address, port or local_address", p.Where(), other)
		case p.Encapsulation == EncapsulationIP && p.Address == local:
			r.add(address, "%q is our own address; want the peer's", p.Address)
		case p.AddrPort() == netip.AddrPortFrom(local, way.localPort):
			r.add(address, "%q is our own address and port; want the peer's", p.AddrPort())
		case local.IsValid() && local.Is4() != p.Address.Is4():
			r.add(address, "%q cannot be reached from %s %q; want both IPv4 or both IPv6, or no %[2]s", p.Address, localKey, local)
		}
	}
}

// callers are the peers by where they call from, and where to.
type callers map[path][]caller

type caller struct {
	local netip.Addr
	peer  string
}

// claim notes that a peer calls from there; it gives the one that nothing tells from it, if there
// is any.
func (c callers) claim(local netip.Addr, remote path, peer string) (other string) {
	for _, known := range c[remote] {
		if known.local == local || !known.local.IsValid() || !local.IsValid() {
			return known.peer
		}
	}
	c[remote] = append(c[remote], caller{local, peer})
	return ""
}

func (p *Peer) checkAuthentication(r *report, at string) {
	file, env := p.SecretFile != "", p.SecretEnv != ""
	switch {
	case file && env:
		r.add(join(at, "secret_env"), "contradicts secret_file; want one of them")
	case p.Authentication == AuthenticationNone && (file || env):
		r.add(join(at, "authentication"), "%q contradicts the secret; want one of them", p.Authentication)
	case p.NextSecretFile != "" && p.NextSecretEnv != "":
		r.add(join(at, "next_secret_env"), "contradicts next_secret_file; want one of them")
	case (p.NextSecretFile != "" || p.NextSecretEnv != "") && !file && !env:
		r.add(at, "has a next secret and no present one; want secret_file or secret_env beside it")
	case p.Authentication == AuthenticationSecret && !file && !env:
		r.add(at, "has no secret; want secret_file or secret_env, or authentication: none to trust whoever has the peer's address")
	}
}

// minMTU6 is the least MTU of a link that carries IPv6 (RFC 8200 section 5).
const minMTU6 = 1280

func (c *Config) checkVPNs(r *report) {
	byID := map[endid.VPNID]string{}
	vrfs := vrfs{map[string]int{}, map[int]string{}}
	for _, v := range c.VPNs {
		at := join("vpns", v.Name)
		if id := join(at, "vpn_id"); !r.told(id) {
			if other, taken := byID[v.VPNID]; taken {
				r.add(id, "%q is also the VPN-ID of %s; want one for each VPN", v.VPNID, other)
			}
			byID[v.VPNID] = v.Name
		}
		v.VR.check(r, join(at, "vr"), vrfs)
		v.checkInterfaces(r)
		carriesIPv6 := slices.ContainsFunc(v.Links, func(l Link) bool { return l.IPv6 })
		if v.MTU != 0 && v.MTU < minMTU6 && carriesIPv6 {
			r.add(join(at, "mtu"), "%d is too little for IPv6; want %d or more, or ipv6: false at each link", v.MTU, minMTU6)
		}
	}
}
