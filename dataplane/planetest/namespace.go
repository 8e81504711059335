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

// Namespace is a network namespace without a name: it is gone when nobody has it open. It is a
// dataplane.Namespace.
type Namespace struct {
	name   string // for messages
	handle netns.Handle
	kernel *netlink.Handle
}

// NewNamespace makes a network namespace for the time of the test, with its loopback interface up.
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
	n.Sysctl(t, "ipv6/conf/default/accept_dad", "0") // nobody has time
	n.Up(t, "lo")
	return n
}

// Delete lets go of the namespace; with the last one who has it open, the kernel deletes it.
func (n *Namespace) Delete() {
	if n.kernel != nil {
		n.kernel.Close()
		n.kernel = nil
	}
	if n.handle.IsOpen() {
		_ = n.handle.Close() // of a descriptor only read: nothing is lost
	}
}

// Do runs f on a thread that is inside the namespace. It is a dataplane.Namespace's.
func (n *Namespace) Do(f func() error) error {
	if err := netns.Do(n.handle, f); err != nil {
		return fmt.Errorf("namespace %s: %w", n.name, err)
	}
	return nil
}

// File is the namespace, open for the time of the test, to hand to another process.
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

// Links are the names of its interfaces, but for the loopback interface.
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

// Link is the interface of that name.
func (n *Namespace) Link(t testing.TB, name string) netlink.Link {
	t.Helper()
	link, err := n.kernel.LinkByName(name)
	if err != nil {
		t.Fatalf("namespace %s, interface %s: %v", n.name, name, err)
	}
	return link
}

// Up brings an interface up.
func (n *Namespace) Up(t testing.TB, name string) {
	t.Helper()
	Must(t, n.kernel.LinkSetUp(n.Link(t, name)))
}

// Down takes an interface down.
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

// Address gives an interface an address; peer invalid: it is on the subnet of local, else local's
// length is that of the peer's subnet.
func (n *Namespace) Address(t testing.TB, name string, local netip.Prefix, peer netip.Addr) {
	t.Helper()
	address := &netlink.Addr{IPNet: ipNet(local), Flags: unix.IFA_F_NODAD}
	if peer.IsValid() {
		address.Peer = ipNet(netip.PrefixFrom(peer, local.Bits()))
	}
	Must(t, n.kernel.AddrAdd(n.Link(t, name), address))
}

// DefaultRoute adds the default route of gateway's protocol.
func (n *Namespace) DefaultRoute(t testing.TB, gateway netip.Addr) {
	t.Helper()
	Must(t, n.kernel.RouteAdd(defaultRoute(gateway)))
}

// DeleteDefaultRoute is the reverse.
func (n *Namespace) DeleteDefaultRoute(t testing.TB, gateway netip.Addr) {
	t.Helper()
	Must(t, n.kernel.RouteDel(defaultRoute(gateway)))
}

// prohibit has the namespace tell whoever sends to an address that this is prohibited, until allow.
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

// wire connects two namespaces by a pair of interfaces, which are up.
func wire(t testing.TB, a *Namespace, nameA string, b *Namespace, nameB string) {
	t.Helper()
	Must(t, a.kernel.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: nameA}, PeerName: nameB, PeerNamespace: netlink.NsFd(b.handle),
	}))
	a.Up(t, nameA)
	b.Up(t, nameB)
}

// takes waits until packets to a new IPv6 address are taken, which is a little later than the
// address is shown.
func (n *Namespace) takes(t testing.TB, address netip.Addr) {
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

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
