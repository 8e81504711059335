package pppd

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// device is a TUN device in a separate network namespace. It is configured by the events of a Link.
type device struct {
	*namespace
	file *os.File // a read or write is one packet
	link netlink.Link
}

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{namespace: newNamespace(t)}
	const name = "tun0"
	err := d.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			return err
		}
		d.file = os.NewFile(uintptr(fd), name)
		// The link-local address is made of the identifier of IPV6CP, not by the kernel.
		return os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/addr_gen_mode", []byte("1"), 0)
	})
	if err != nil {
		t.Fatalf("TUN device: %v", err)
	}
	if d.link, err = d.links.LinkByName(name); err != nil {
		t.Fatal(err)
	}
	if err := d.links.LinkSetUp(d.link); err != nil {
		t.Fatal(err)
	}
	return d
}

// apply configures the device after an event.
func (d *device) apply(e ppp.Event) error {
	switch e := e.(type) {
	case ppp.LCPOpened:
		return d.links.LinkSetMTU(d.link, int(e.PeerMRU))
	case ppp.IPv4Opened:
		if !e.Local.IsValid() {
			return d.links.RouteReplace(&netlink.Route{LinkIndex: d.link.Attrs().Index, Dst: hostNet(e.Peer)})
		}
		addr := &netlink.Addr{IPNet: hostNet(e.Local)}
		if e.Peer.IsValid() {
			addr.Peer = hostNet(e.Peer)
		}
		return d.links.AddrReplace(d.link, addr)
	case ppp.IPv6Opened:
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: linkLocal(e.LocalID).AsSlice(), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD}
		return d.links.AddrReplace(d.link, addr)
	case ppp.IPv4Closed:
		return d.flush(netlink.FAMILY_V4)
	case ppp.IPv6Closed:
		return d.flush(netlink.FAMILY_V6)
	}
	return nil
}

// flush removes the addresses of a family.
func (d *device) flush(family int) error {
	addrs, err := d.links.AddrList(d.link, family)
	for i := range addrs {
		if err := d.links.AddrDel(d.link, &addrs[i]); err != nil {
			return err
		}
	}
	return err
}

func hostNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

// linkLocal returns the link-local address with an interface identifier (RFC 5072, section 5).
func linkLocal(id uint64) netip.Addr {
	addr := [16]byte{0xfe, 0x80}
	binary.BigEndian.PutUint64(addr[8:], id)
	return netip.AddrFrom16(addr)
}

// addr6 is the link-local address of an identifier with the interface to reach it by.
func addr6(id uint64, device string) string { return fmt.Sprintf("%v%%%s", linkLocal(id), device) }

// addLoopback gives the namespace an address that belongs to no link.
func (d *device) addLoopback(a netip.Addr) error {
	lo, err := d.links.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := d.links.LinkSetUp(lo); err != nil {
		return err
	}
	return d.links.AddrReplace(lo, &netlink.Addr{IPNet: hostNet(a)})
}
