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

// RouteProtocol is the protocol of the daemon's routes in the kernel's tables. It distinguishes
// them from routes of the operator and of routing daemons: `ip route show proto 115`. It is the IP
// protocol number of L2TP.
const RouteProtocol = 115

// address is an address of an interface, comparable. Without a peer address, peer is local.
type address struct {
	local netip.Addr
	peer  netip.Prefix
}

// addressesOf returns the addresses of the configuration c.
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

// linkLocal returns fe80:: with an interface identifier.
func linkLocal(identifier uint64) netip.Addr {
	a := [16]byte{0xfe, 0x80}
	binary.BigEndian.PutUint64(a[8:], identifier)
	return netip.AddrFrom16(a)
}

// Configure gives an interface exactly the configuration c, and moves it into the VRF if the router
// is one. It removes all addresses that are not in c, and all routes of RouteProtocol; routes of
// other protocols stay. The error for a missing interface wraps os.ErrNotExist.
func (r *Router) Configure(ifname string, c vr.Interface) error {
	return r.Do(func() error {
		if err := r.configure(ifname, c); err != nil {
			return fmt.Errorf("interface %s: %w", ifname, err)
		}
		return nil
	})
}

// configure is Configure in the namespace of the calling thread.
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
	// Before it has addresses and is up: the kernel adds the routes to them to the table of the VRF
	// that the interface is in at that time.
	if vrf := r.place.vrf; vrf != 0 && vrf != link.Attrs().MasterIndex {
		if err := kernel.LinkSetMasterByIndex(link, vrf); err != nil {
			return fmt.Errorf("move into %s: %w", r.spec, err)
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
	// Before the addresses: if an interface already has them when it is set up, the kernel loses
	// the route to the IPv6 peer.
	state := "up"
	if c.Up {
		err = kernel.LinkSetUp(link)
	} else {
		state = "down"
		c.LinkLocal, c.Addresses, c.Routes = 0, nil, nil // the kernel removes them
		err = kernel.LinkSetDown(link)
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", state, err)
	}
	if err := setAddresses(kernel, link, addressesOf(c)); err != nil {
		return err
	}
	return setRoutes(kernel, link, r.table(), c.Routes)
}

// table returns the number of the router's routing table.
func (r *Router) table() int {
	if r.spec.VRF == "" {
		return unix.RT_TABLE_MAIN
	}
	return int(r.spec.Table)
}

// prepareIPv6 stops the kernel from generating link-local addresses, and from soliciting and
// accepting router advertisements: the peer is a router, and so is the local end. It enables IPv6
// if it is wanted.
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
			return fmt.Errorf("IPv6 is configured, but the host or the interface does not support it: %w", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setAddresses gives an interface exactly the wanted addresses.
func setAddresses(kernel *netlink.Handle, link netlink.Link, wanted []address) error {
	now, err := dump(func() ([]netlink.Addr, error) { return kernel.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	var have []address
	for _, a := range now {
		if key := addressOf(a); slices.Contains(wanted, key) {
			have = append(have, key)
			continue
		}
		// EADDRNOTAVAIL: the kernel removed it together with another one.
		if err := kernel.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
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

// addressOf converts an address from netlink.
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

// netlink converts an address for netlink.
func (a address) netlink() *netlink.Addr {
	peer := ipNet(a.peer)
	na := &netlink.Addr{IPNet: &net.IPNet{IP: a.local.AsSlice(), Mask: peer.Mask}}
	if a.peer.Addr() != a.local {
		na.Peer = peer
	}
	if a.local.Is6() {
		// Both identifiers were negotiated (RFC 5072, section 4.1), and the link has only two ends:
		// no duplicate address to detect.
		na.Flags = unix.IFA_F_NODAD
		if a.local.IsLinkLocalUnicast() {
			na.Scope = unix.RT_SCOPE_LINK
		}
	}
	return na
}

// setRoutes gives an interface exactly the wanted routes of RouteProtocol.
func setRoutes(kernel *netlink.Handle, link netlink.Link, table int, wanted []netip.Prefix) error {
	template := &netlink.Route{LinkIndex: link.Attrs().Index, Protocol: RouteProtocol, Table: table}
	now, err := dump(func() ([]netlink.Route, error) {
		return kernel.RouteListFiltered(netlink.FAMILY_ALL, template,
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
			delete(want, p) // it exists
		} else if err := kernel.RouteDel(&route); err != nil {
			return fmt.Errorf("remove route to %v: %w", p, err)
		}
	}
	for p := range want {
		route := *template
		route.Dst = ipNet(p)
		if p.Addr().Is4() {
			route.Scope = unix.RT_SCOPE_LINK
		}
		err := kernel.RouteAdd(&route)
		if errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("route to %v: the VR already has this route, through another interface or added by the operator: %w", p, err)
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
