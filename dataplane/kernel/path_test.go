package kernel

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

func addrPort(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// sniff opens a socket that receives a copy of each IPv4 packet that an interface receives.
func sniff(t *testing.T, n *planetest.Namespace, ifname string) (next func() []byte) {
	t.Helper()
	var socket int
	const ipv4 = uint16(unix.ETH_P_IP<<8&0xff00 | unix.ETH_P_IP>>8) // in network order
	planetest.Must(t, n.Do(func() (err error) {
		socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(ipv4))
		return err
	}))
	t.Cleanup(func() { unix.Close(socket) })
	index := n.Link(t, ifname).Attrs().Index
	planetest.Must(t, unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: ipv4, Ifindex: index}))
	buffer := make([]byte, 2000)
	return func() []byte {
		for {
			n, from, err := unix.Recvfrom(socket, buffer, 0)
			if err != nil && !errors.Is(err, unix.EINTR) {
				t.Fatal(err)
			}
			if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype != unix.PACKET_OUTGOING {
				return buffer[:n]
			}
		}
	}
}

// Control messages are never fragmented. The kernel's data messages may be, because the kernel
// ignores the option of the socket for them.
func TestDontFragment(t *testing.T) {
	g := newRig(t)
	ends := g.OpenSession(t, 1, 8, 1452)
	next := sniff(t, g.Core, "to-pe1")
	dontFragment := func(packet []byte) bool { return packet[6]&0x40 != 0 } // RFC 791, section 3.1

	planetest.Must(t, ends[0].Tunnel.SendControl(planetest.ControlMessage))
	<-ends[1].Control
	if packet := next(); !dontFragment(packet) {
		t.Errorf("a control message without DF bit: %x", packet)
	}
	planetest.Must(t, ends[0].SendFrame([]byte(lcpEcho)))
	<-ends[1].Frames
	if packet := next(); dontFragment(packet) {
		t.Errorf("a data message with DF bit, unlike in earlier kernels: %x", packet)
	}
}

// A change of the path MTU is reported also while only the kernel sends, and no packet is lost
// until the owner reacts.
func TestPathChanged(t *testing.T) {
	g := newRig(t)
	ends := g.OpenSession(t, 1, 8, 1452)
	g.Core.MTU(t, "to-pe1", 1300)
	ends[0].Host.MTU(t, "core", 1300)
	<-ends[0].PathChanged
	mtu, err := ends[0].Tunnel.PathMTU()
	planetest.Must(t, err)
	if mtu != 1300 {
		t.Errorf("path MTU %d, want 1300", mtu)
	}
	planetest.Must(t, ends[0].Pinger(t, ends[1], 4).Ping(1452, 1))
}
