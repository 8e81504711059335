package linux

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
	"github.com/l2tpvl/l2tpvl/vr"
)

// vrfs are the VRFs of the daemon's own namespace.
type vrfs struct {
	home   netns.Handle
	kernel *netlink.Handle // in home
}

func newVRFs(home netns.Handle) (*vrfs, error) {
	kernel, err := netlink.NewHandleAt(home, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	return &vrfs{home, kernel}, nil
}

func (v *vrfs) close() { v.kernel.Close() }

// find returns the network device with a name. The error for a missing one is os.ErrNotExist.
func (v *vrfs) find(name string) (netlink.Link, error) {
	link, err := v.kernel.LinkByName(name)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, os.ErrNotExist
	}
	return link, err
}

func (v *vrfs) stat(s vr.Spec) (identity, error) {
	link, err := v.find(s.VRF)
	if err != nil {
		return identity{}, err
	}
	return identityOfLink(link), nil
}

// identityOfLink distinguishes a device from all others: the kernel counts indices up and does not
// use one again.
func identityOfLink(link netlink.Link) identity { return identity{ino: uint64(link.Attrs().Index)} }

func (v *vrfs) open(s vr.Spec) (place, error) {
	link, err := v.find(s.VRF)
	if err != nil {
		return place{}, err
	}
	vrf, ok := link.(*netlink.Vrf)
	if !ok {
		return place{}, fmt.Errorf("%s is an interface of type %s: want a VRF, or no interface with this name", s.VRF, link.Type())
	}
	if vrf.Table != s.Table {
		return place{}, fmt.Errorf("the existing VRF has routing table %d: want %d", vrf.Table, s.Table)
	}
	return place{id: identityOfLink(link), namespace: v.home, vrf: vrf.Index}, nil
}

// create creates the VRF and sets it up. Destinations without a route are unreachable: the kernel
// would otherwise look them up in the main table, and route customers' packets into the provider's
// network.
func (v *vrfs) create(s vr.Spec) (place, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = s.VRF
	link := &netlink.Vrf{LinkAttrs: attrs, Table: s.Table}
	err := v.kernel.LinkAdd(link)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return place{}, errors.New("the kernel does not support VRFs: modprobe vrf")
	}
	if err != nil {
		return place{}, fmt.Errorf("create VRF: %w", err)
	}
	if err = v.kernel.LinkSetUp(link); err != nil {
		err = fmt.Errorf("set VRF up: %w", err)
	}
	for _, route := range lastResort(s.Table) {
		if e := v.kernel.RouteReplace(&route); e != nil && !noIPv6(&route, e) {
			err = errors.Join(err, fmt.Errorf("add unreachable route %v to table %d: %w", route.Dst, s.Table, e))
		}
	}
	if err != nil {
		return place{}, errors.Join(err, v.remove(s))
	}
	return v.open(s)
}

// remove removes the VRF. Interfaces that are still in it remain outside.
func (v *vrfs) remove(s vr.Spec) error {
	link, err := v.find(s.VRF)
	if err == nil {
		err = v.kernel.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("remove VRF %s: %w", s.VRF, err)
	}
	for _, route := range lastResort(s.Table) {
		if e := v.kernel.RouteDel(&route); e != nil && !errors.Is(e, unix.ESRCH) && !noIPv6(&route, e) {
			err = errors.Join(err, fmt.Errorf("remove unreachable route %v from table %d: %w", route.Dst, s.Table, e))
		}
	}
	return err
}

// lastResort returns the routes of a VRF's table for destinations without another route.
func lastResort(table uint32) []netlink.Route {
	var routes []netlink.Route
	for _, all := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		routes = append(routes, netlink.Route{
			Dst: ipNet(netip.PrefixFrom(all, 0)), Type: unix.RTN_UNREACHABLE, Protocol: RouteProtocol,
			Table: int(table), Priority: math.MaxInt32, // after default routes of routing daemons
		})
	}
	return routes
}

// noIPv6 reports whether the kernel refused a route because the host has no IPv6.
func noIPv6(route *netlink.Route, err error) bool {
	return route.Dst.IP.To4() == nil && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EAFNOSUPPORT))
}
