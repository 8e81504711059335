package ppp

import (
	"fmt"
	"net/netip"
)

// optionIPAddress is the only option of IPCP that we negotiate (RFC 1332, section 3.3).
// IP-Addresses (1) is deprecated; IP-Compression-Protocol (2) and the name servers of RFC 1877 (129
// to 132) are of no use here.
const optionIPAddress = 3

// ipcp negotiates the IPv4 addresses of both ends.
type ipcp struct {
	cfg   *IPv4Config
	local netip.Addr // ours; 0.0.0.0: not yet assigned; invalid: unnumbered
	peer  netip.Addr // the peer's, as acknowledged; invalid: none
}

func (c *ipcp) opened() Event { return IPv4Opened{c.local, c.peer} }

func (c *ipcp) closed(reason string) Event { return IPv4Closed{reason} }

func (c *ipcp) reset() {
	c.local, c.peer = netip.Addr{}, netip.Addr{}
	switch {
	case c.cfg.Mode == Learned:
		c.local = netip.IPv4Unspecified()
	case c.cfg.Mode == Configured && c.cfg.Local.Is4():
		c.local = c.cfg.Local
	}
}

func (c *ipcp) appendRequest(b []byte) []byte {
	if !c.local.IsValid() {
		return b
	}
	return appendAddrOption(b, optionIPAddress, c.local)
}

func (c *ipcp) judge(o option, r *reply) {
	if o.kind() != optionIPAddress {
		r.reject(o)
		return
	}
	addr, _ := o.addr()
	switch {
	case unicast(addr) && addr == c.local && (r.final || !c.cfg.Peer.Is4()):
		r.failure = fmt.Sprintf("the peer requests %v, which is our own address", addr)
	case c.cfg.Peer.Is4() && addr == c.cfg.Peer:
	case c.cfg.Peer.Is4() && r.final:
		r.failure = fmt.Sprintf("the peer insists on %v instead of %v", addr, c.cfg.Peer)
	case c.cfg.Peer.Is4():
		r.naks = appendAddrOption(r.naks, optionIPAddress, c.cfg.Peer)
	case unicast(addr) && c.cfg.Within.IsValid() && !c.cfg.Within.Contains(addr):
		r.failure = fmt.Sprintf("the peer requests %v, which is outside %v, the prefix of this link", addr, c.cfg.Within)
	case addr.IsUnspecified() && !r.final && c.peerInPrefix().IsValid():
		r.naks = appendAddrOption(r.naks, optionIPAddress, c.peerInPrefix())
	case !unicast(addr): // 0.0.0.0 requests an address, and we have none to assign
		r.reject(o)
	}
}

// peerInPrefix returns the other address of a /31 with our address (RFC 3021), or an invalid one.
func (c *ipcp) peerInPrefix() netip.Addr {
	if c.cfg.Within.Bits() != 31 || !c.cfg.Within.Contains(c.local) {
		return netip.Addr{}
	}
	a := c.local.As4()
	a[3] ^= 1
	return netip.AddrFrom4(a)
}

// judgeAbsent refuses a request without the address that is configured for the peer. Such a request
// does not accept the address in an earlier Configure-Nak.
func (c *ipcp) judgeAbsent(request options, r *reply) {
	if !c.cfg.Peer.Is4() || request.find(optionIPAddress) != nil {
		return
	}
	if r.final {
		r.failure = fmt.Sprintf("the peer requests no address; %v is configured for it", c.cfg.Peer)
		return
	}
	r.naks = appendAddrOption(r.naks, optionIPAddress, c.cfg.Peer)
}

func (c *ipcp) commit(request options) {
	c.peer, _ = request.find(optionIPAddress).addr()
}

func (c *ipcp) acked() string {
	if c.cfg.Mode == Learned && !unicast(c.local) {
		return fmt.Sprintf("the peer acknowledged %v instead of assigning an address to us", c.local)
	}
	return ""
}

func (c *ipcp) refused(suggestions options, final bool) string {
	addr, ok := suggestions.find(optionIPAddress).addr()
	if !ok {
		return ""
	}
	switch c.cfg.Mode {
	case Learned:
		if addr == c.peer || addr == c.cfg.Peer {
			return fmt.Sprintf("the peer assigns its own address %v to us", addr)
		}
		if unicast(addr) {
			c.local = addr
		}
		if final {
			return fmt.Sprintf("the peer accepts none of the addresses that it suggests to us; the last was %v", addr)
		}
	case Configured:
		if final {
			return fmt.Sprintf("the peer refuses our address %v and suggests %v", c.local, addr)
		}
	case Unnumbered:
		if final {
			return fmt.Sprintf("the peer assigns %v to us, but this end is unnumbered", addr)
		}
	}
	return ""
}

func (c *ipcp) rejected(options) string {
	if c.cfg.Mode == Learned {
		return "the peer assigns no address to us: it rejected the IP-Address option"
	}
	return fmt.Sprintf("the peer rejected our address %v: it does not negotiate addresses", c.local)
}
