package planetest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// Namespace is a network namespace without a name, which exists while it is open. It is a
// dataplane.Namespace.
type Namespace struct {
	name   string // for messages
	handle netns.Handle
	kernel *netlink.Handle
}

// NewNamespace creates a network namespace, with its loopback interface up, until the test ends.
func NewNamespace(t testing.TB, name string) *Namespace {
	t.Helper()
	handle, err := netns.New()
	if err != nil {
		t.Fatalf("the tests of data planes create network namespaces, run them as root: %v", err)
	}
	n := &Namespace{name: name, handle: handle}
	t.Cleanup(n.Delete)
	n.kernel, err = netlink.NewHandleAt(n.handle, unix.NETLINK_ROUTE)
	Must(t, err)
	n.Sysctl(t, "ipv6/conf/default/accept_dad", "0") // do not wait for it
	n.Up(t, "lo")
	return n
}

// Delete closes the namespace. The kernel deletes it once no process has it open.
func (n *Namespace) Delete() {
	if n.kernel != nil {
		n.kernel.Close()
		n.kernel = nil
	}
	if n.handle.IsOpen() {
		_ = n.handle.Close() // of a descriptor that is only read: no error of interest
	}
}

// Do runs f on a thread that is inside the namespace.
func (n *Namespace) Do(f func() error) error {
	if err := netns.Do(n.handle, f); err != nil {
		return fmt.Errorf("namespace %s: %w", n.name, err)
	}
	return nil
}

// File returns the open namespace for another process, until the test ends.
func (n *Namespace) File(t testing.TB) *os.File {
	t.Helper()
	handle, err := netns.Duplicate(n.handle)
	Must(t, err)
	file := os.NewFile(uintptr(handle), n.name)
	t.Cleanup(func() { file.Close() })
	return file
}

// Sysctl sets a parameter below /proc/sys/net.
func (n *Namespace) Sysctl(t testing.TB, key, value string) {
	t.Helper()
	Must(t, n.Do(func() error { return os.WriteFile("/proc/sys/net/"+key, []byte(value), 0) }))
}

// Links returns the names of the interfaces, except the loopback interface.
func (n *Namespace) Links(t testing.TB) (names []string) {
	t.Helper()
	links, err := n.kernel.LinkList()
	Must(t, err)
	for _, link := range links {
		if link.Attrs().Flags&net.FlagLoopback == 0 {
			names = append(names, link.Attrs().Name)
		}
	}
	return names
}

// Link returns an interface by its name.
func (n *Namespace) Link(t testing.TB, name string) netlink.Link {
	t.Helper()
	link, err := n.kernel.LinkByName(name)
	if err != nil {
		t.Fatalf("namespace %s, interface %s: %v", n.name, name, err)
	}
	return link
}

// Up sets an interface up.
func (n *Namespace) Up(t testing.TB, name string) {
	t.Helper()
	Must(t, n.kernel.LinkSetUp(n.Link(t, name)))
}

// Down sets an interface down.
func (n *Namespace) Down(t testing.TB, name string) {
	t.Helper()
	Must(t, n.kernel.LinkSetDown(n.Link(t, name)))
}

// MTU sets the MTU of an interface.
func (n *Namespace) MTU(t testing.TB, name string, mtu int) {
	t.Helper()
	Must(t, n.kernel.LinkSetMTU(n.Link(t, name), mtu))
}

// DeleteLink deletes an interface.
func (n *Namespace) DeleteLink(t testing.TB, name string) {
	t.Helper()
	Must(t, n.kernel.LinkDel(n.Link(t, name)))
}

// Address adds an address to an interface. With a valid peer, the prefix length of local is that of
// the peer's subnet.
func (n *Namespace) Address(t testing.TB, name string, local netip.Prefix, peer netip.Addr) {
	t.Helper()
	address := &netlink.Addr{IPNet: ipNet(local), Flags: unix.IFA_F_NODAD}
	if peer.IsValid() {
		address.Peer = ipNet(netip.PrefixFrom(peer, local.Bits()))
	}
	Must(t, n.kernel.AddrAdd(n.Link(t, name), address))
}

// DefaultRoute adds a default route through gateway.
func (n *Namespace) DefaultRoute(t testing.TB, gateway netip.Addr) {
	t.Helper()
	Must(t, n.kernel.RouteAdd(defaultRoute(gateway)))
}

// DeleteDefaultRoute deletes the default route through gateway.
func (n *Namespace) DeleteDefaultRoute(t testing.TB, gateway netip.Addr) {
	t.Helper()
	Must(t, n.kernel.RouteDel(defaultRoute(gateway)))
}

// prohibit makes the namespace answer packets to an address with the ICMP error "administratively
// prohibited" until allow is called.
func (n *Namespace) prohibit(t testing.TB, to netip.Addr) (allow func()) {
	t.Helper()
	route := &netlink.Route{Dst: ipNet(netip.PrefixFrom(to, to.BitLen())), Type: unix.RTN_PROHIBIT}
	Must(t, n.kernel.RouteAdd(route))
	return func() { Must(t, n.kernel.RouteDel(route)) }
}

func defaultRoute(gateway netip.Addr) *netlink.Route {
	unspecified := netip.IPv4Unspecified()
	if gateway.Is6() {
		unspecified = netip.IPv6Unspecified()
	}
	return &netlink.Route{Dst: ipNet(netip.PrefixFrom(unspecified, 0)), Gw: gateway.AsSlice()}
}

// connect connects two namespaces by a pair of interfaces, which are up.
func connect(t testing.TB, a *Namespace, nameA string, b *Namespace, nameB string) {
	t.Helper()
	Must(t, a.kernel.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: nameA}, PeerName: nameB, PeerNamespace: netlink.NsFd(b.handle),
	}))
	a.Up(t, nameA)
	b.Up(t, nameB)
}

// waitForAddress waits until the namespace accepts packets to a new IPv6 address, which is slightly
// later than the address is listed.
func (n *Namespace) waitForAddress(t testing.TB, address netip.Addr) {
	t.Helper()
	for {
		routes, err := n.kernel.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			t.Fatal(err)
		}
		for _, route := range routes {
			if route.Dst != nil && route.Dst.IP.Equal(address.AsSlice()) {
				return
			}
		}
		runtime.Gosched()
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// Must ends the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
