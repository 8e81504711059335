package config

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/l2tpvl/l2tpvl/endid"
)

// check reports values that conflict with each other, and values that are well-formed but
// impossible. It skips zero values: decode has already reported these.
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
		r.add(key, "invalid socket path %q; expected an absolute path of at most %d octets", path, maxSocketPath)
	}
}

// maxSocketPath is the length of the longest path in struct sockaddr_un, without its terminating
// zero.
const maxSocketPath = 107

// printableASCII matches text that is safe to show on a terminal.
var printableASCII = regexp.MustCompile(`^[ -~]*$`)

// hostName matches a Host Name that RFC 3931, section 5.4.3, allows: US-ASCII and not empty. Spaces
// and control characters are refused in addition.
var hostName = regexp.MustCompile(`^[!-~]{1,255}$`)

func (l *Local) check(r *report) {
	if l.HostName != "" && !hostName.MatchString(l.HostName) {
		r.add("local.hostname", "invalid host name %q; expected 1 to 255 printable ASCII characters without spaces", l.HostName)
	}
	if l.RouterID.IsValid() && (!l.RouterID.Is4() || l.RouterID.IsUnspecified()) {
		r.add("local.router_id", "invalid router ID %q; expected an IPv4 address other than 0.0.0.0", l.RouterID)
	}
	checkRouted(r, "local.address", l.Address)
}

// checkHost reports an address that is not the address of a single host.
func checkHost(r *report, key string, addr netip.Addr) {
	if !addr.IsValid() {
		return
	}
	if why := notHost(addr); why != "" {
		r.add(key, "%q %s; expected the address of a host", addr, why)
	}
}

// checkRouted reports an address that the provider's network cannot route to a single host.
func checkRouted(r *report, key string, addr netip.Addr) {
	checkHost(r, key, addr)
	if addr.Zone() != "" || addr.Is6() && addr.IsLinkLocalUnicast() {
		r.add(key, "%q is valid on a single link only; expected a global or unique local address without a zone", addr)
	}
}

// path distinguishes the sockets to two peers, together with the local address. Over IP the ports
// are 0.
type path struct {
	peer      netip.AddrPort
	localPort uint16
}

func (c *Config) checkPeers(r *report) {
	remotes := remotes{}
	for _, p := range c.Peers {
		at := join("peers", p.Name)
		if !p.IsStatic() {
			p.checkAuthentication(r, at)
		}
		if p.Retransmit.Initial > p.Retransmit.Cap && p.Retransmit.Cap != 0 {
			r.add(join(at, "retransmit", "cap"), "%s is less than retransmit.initial; expected at least %s", p.Retransmit.Cap, p.Retransmit.Initial)
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
		to := path{p.AddrPort(), c.LocalPort(p)}
		switch other := remotes.claim(local, to, p.Name); {
		case other != "":
			r.add(address, "%q is also the address of peer %s; use another address, port or local_address", p.Where(), other)
		case p.Encapsulation == EncapsulationIP && p.Address == local:
			r.add(address, "%q is the local address; expected the peer's", p.Address)
		case p.AddrPort() == netip.AddrPortFrom(local, to.localPort):
			r.add(address, "%q is the local address and port; expected the peer's", p.AddrPort())
		case local.IsValid() && local.Is4() != p.Address.Is4():
			r.add(address, "%q cannot be reached from %s %q; use addresses of one IP version, or remove %[2]s", p.Address, localKey, local)
		}
	}
}

// remotes holds the peers by path.
type remotes map[path][]remote

type remote struct {
	local netip.Addr // the zero address: chosen by the routing table
	peer  string
}

// claim adds a peer, and returns the name of another peer with the same addresses and ports, or "".
func (r remotes) claim(local netip.Addr, to path, peer string) (other string) {
	for _, known := range r[to] {
		if known.local == local || !known.local.IsValid() || !local.IsValid() {
			return known.peer
		}
	}
	r[to] = append(r[to], remote{local, peer})
	return ""
}

func (p *Peer) checkAuthentication(r *report, at string) {
	file, env := p.SecretFile != "", p.SecretEnv != ""
	switch {
	case file && env:
		r.add(join(at, "secret_env"), "conflicts with secret_file; use only one of them")
	case p.Authentication == AuthenticationNone && (file || env):
		r.add(join(at, "authentication"), "%q conflicts with the configured secret; use only one of them", p.Authentication)
	case p.NextSecretFile != "" && p.NextSecretEnv != "":
		r.add(join(at, "next_secret_env"), "conflicts with next_secret_file; use only one of them")
	case (p.NextSecretFile != "" || p.NextSecretEnv != "") && !file && !env:
		r.add(at, "next secret without a current secret; set secret_file or secret_env too")
	case p.Authentication == AuthenticationSecret && !file && !env:
		r.add(at, "no secret; set secret_file or secret_env, or authentication: none to trust any sender with the peer's address")
	}
}

// minMTU6 is the smallest MTU of a link that carries IPv6, in octets (RFC 8200, section 5).
const minMTU6 = 1280

func (c *Config) checkVPNs(r *report) {
	byID := map[endid.VPNID]string{}
	vrfs := vrfs{map[string]int{}, map[int]string{}}
	for _, v := range c.VPNs {
		at := join("vpns", v.Name)
		if id := join(at, "vpn_id"); !r.reported(id) {
			if other, taken := byID[v.VPNID]; taken {
				r.add(id, "%q is also the VPN-ID of %s; each VPN needs its own", v.VPNID, other)
			}
			byID[v.VPNID] = v.Name
		}
		v.VR.check(r, join(at, "vr"), vrfs)
		v.checkInterfaces(r)
		carriesIPv6 := slices.ContainsFunc(v.Links, func(l Link) bool { return l.IPv6 })
		if v.MTU != 0 && v.MTU < minMTU6 && carriesIPv6 {
			r.add(join(at, "mtu"), "%d is too small for IPv6; expected at least %d, or ipv6: false at each link", v.MTU, minMTU6)
		}
	}
}
