package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/vr"
)

// RouteProtocol is the protocol that our routes carry in the kernel's table, which tells them from
// the operator's and routing daemons' ones: `ip route show proto 115`. It is the IP protocol number
// of L2TP.
const RouteProtocol = 115

// address is an address of an interface, comparable. Without a peer, peer is local.
type address struct {
	local netip.Addr
	peer  netip.Prefix
}

// addressesOf are those that c wants.
func addressesOf(c vr.Interface) []address {
	var as []address
	if c.Local.IsValid() {
		peer := c.Peer
		if !peer.IsValid() {
			peer = c.Local
		}
		as = append(as, address{c.Local, netip.PrefixFrom(peer, peer.BitLen())})
	}
	if c.LinkLocal != 0 {
		peer := c.PeerLinkLocal
		if peer == 0 {
			peer = c.LinkLocal
		}
		as = append(as, address{linkLocal(c.LinkLocal), netip.PrefixFrom(linkLocal(peer), 64)})
	}
	for _, p := range c.Addresses {
		as = append(as, address{p.Addr(), p})
	}
	return as
}

// linkLocal is fe80:: with that interface identifier.
func linkLocal(identifier uint64) netip.Addr {
	a := [16]byte{0xfe, 0x80}
	binary.BigEndian.PutUint64(a[8:], identifier)
	return netip.AddrFrom16(a)
}

// Configure makes the interface of that name be exactly c, whatever it was, and puts it into the
// VRF if the router is one: addresses that c does not have are removed, and routes of ours; routes
// of others stay. An absent interface gives an error that wraps os.ErrNotExist.
func (r *Router) Configure(ifname string, c vr.Interface) error {
	return r.Do(func() error {
		if err := r.configure(ifname, c); err != nil {
			return fmt.Errorf("interface %s: %w", ifname, err)
		}
		return nil
	})
}

// configure does the work of Configure, in the namespace of the calling thread.
func (r *Router) configure(ifname string, c vr.Interface) error {
	if err := c.Validate(); err != nil {
		return err
	}
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer kernel.Close()

	link, err := kernel.LinkByName(ifname)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return os.ErrNotExist
	}
	if err != nil {
		return err
	}
	// Before it has addresses and is up: the routes to them go into the table of the VRF that it is
	// in by then.
	if vrf := r.place.vrf; vrf != 0 && vrf != link.Attrs().MasterIndex {
		if err := kernel.LinkSetMasterByIndex(link, vrf); err != nil {
			return fmt.Errorf("put into %s: %w", r.spec, err)
		}
	}
	if c.MTU != 0 && c.MTU != link.Attrs().MTU {
		if err := kernel.LinkSetMTU(link, c.MTU); err != nil {
			return fmt.Errorf("set MTU %d: %w", c.MTU, err)
		}
	}
	if err := prepareIPv6(ifname, c.NeedsIPv6()); err != nil {
		return err
	}
	// First of all, as the kernel forgets the route to the IPv6 peer when an interface goes up that
	// has its address.
	if c.Up {
		err = kernel.LinkSetUp(link)
	} else {
		c.LinkLocal, c.Addresses, c.Routes = 0, nil, nil // the kernel drops them
		err = kernel.LinkSetDown(link)
	}
	if err != nil {
		return fmt.Errorf("set up %v: %w", c.Up, err)
	}
	if err := setAddresses(kernel, link, addressesOf(c)); err != nil {
		return err
	}
	return setRoutes(kernel, link, r.table(), c.Routes)
}

// table is the routing table of the router.
func (r *Router) table() int {
	if r.spec.VRF == "" {
		return unix.RT_TABLE_MAIN
	}
	return int(r.spec.Table)
}

// prepareIPv6 stops the kernel from making up link-local addresses, and from soliciting and
// believing router advertisements: the other end is a router as we are. It switches IPv6 on if it
// is wanted.
func prepareIPv6(ifname string, wanted bool) error {
	parameters := [][2]string{
		{"addr_gen_mode", "1"}, // IN6_ADDR_GEN_MODE_NONE
		{"accept_ra", "0"},
	}
	if wanted {
		parameters = append(parameters, [2]string{"disable_ipv6", "0"})
	}
	for _, p := range parameters {
		err := writeSysctl(filepath.Join("ipv6/conf", ifname, p[0]), p[1])
		if errors.Is(err, os.ErrNotExist) && !wanted {
			return nil
		}
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("IPv6 is wanted, but this host or interface has none: %w", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setAddresses makes the interface have those addresses and no others.
func setAddresses(kernel *netlink.Handle, link netlink.Link, wanted []address) error {
	now, err := settled(func() ([]netlink.Addr, error) { return kernel.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	var have []address
	for _, a := range now {
		if key := addressOf(a); slices.Contains(wanted, key) {
			have = append(have, key)
		} else if err := kernel.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) { // gone with another
			return fmt.Errorf("remove address %v: %w", a.IPNet, err)
		}
	}
	for _, a := range wanted {
		if slices.Contains(have, a) {
			continue
		}
		if err := kernel.AddrAdd(link, a.netlink()); err != nil {
			return fmt.Errorf("add address %v peer %v: %w", a.local, a.peer, err)
		}
	}
	return nil
}

// addressOf is what a is for us.
func addressOf(a netlink.Addr) address {
	peer := a.Peer
	if peer == nil {
		peer = a.IPNet
	}
	local, _ := netip.AddrFromSlice(a.IP)
	peerAddr, _ := netip.AddrFromSlice(peer.IP)
	bits, _ := peer.Mask.Size()
	return address{local.Unmap(), netip.PrefixFrom(peerAddr.Unmap(), bits)}
}

// netlink is the address as the kernel is told.
func (a address) netlink() *netlink.Addr {
	peer := ipNet(a.peer)
	na := &netlink.Addr{IPNet: &net.IPNet{IP: a.local.AsSlice(), Mask: peer.Mask}}
	if a.peer.Addr() != a.local {
		na.Peer = peer
	}
	if a.local.Is6() {
		// Both identifiers were agreed upon (RFC 5072 section 4.1), and nobody else is there: there
		// is nothing to detect.
		na.Flags = unix.IFA_F_NODAD
		if a.local.IsLinkLocalUnicast() {
			na.Scope = unix.RT_SCOPE_LINK
		}
	}
	return na
}

// setRoutes makes these prefixes, and no others of ours, be routed into the interface.
func setRoutes(kernel *netlink.Handle, link netlink.Link, table int, wanted []netip.Prefix) error {
	ours := &netlink.Route{LinkIndex: link.Attrs().Index, Protocol: RouteProtocol, Table: table}
	now, err := settled(func() ([]netlink.Route, error) {
		return kernel.RouteListFiltered(netlink.FAMILY_ALL, ours,
			netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	want := make(map[netip.Prefix]bool)
	for _, p := range wanted {
		want[p.Masked()] = true
	}
	for _, route := range now {
		if p := prefixOf(route.Dst); want[p] {
			delete(want, p) // have it
		} else if err := kernel.RouteDel(&route); err != nil {
			return fmt.Errorf("remove route to %v: %w", p, err)
		}
	}
	for p := range want {
		route := *ours
		route.Dst = ipNet(p)
		if p.Addr().Is4() {
			route.Scope = unix.RT_SCOPE_LINK
		}
		err := kernel.RouteAdd(&route)
		if errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("route to %v: the VR has such a route already, through another interface or by hand: %w", p, err)
		}
		if err != nil {
			return fmt.Errorf("add route to %v: %w", p, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefixOf(n *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addr, bits)
}
