package userspace

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// socketBuffer is the size asked for each of a socket's buffers: some 30 ms of a 1 Gbit/s link.
const socketBuffer = 4 << 20

// socket is connected to the peer and never fragments. A UDP socket shares its port with others.
type socket struct {
	conn interface {
		net.Conn
		syscall.Conn
	}
	peer netip.AddrPort // its port is 0 over IP
}

// protocolL2TP is the IP protocol number of L2TP (RFC 3931 section 4.1.1).
const protocolL2TP = 115

// dial opens a socket to the peer. Over UDP it shares local's port with the daemon's listener: the kernel prefers the
// connected one. Over IP both get what the peer sends.
func dial(e dataplane.Encapsulation, local, peer netip.AddrPort) (*socket, error) {
	if !peer.IsValid() || e == dataplane.UDP && peer.Port() == 0 {
		return nil, fmt.Errorf("peer %v: want an address and a port", peer)
	}
	remote, address := peer.Addr().Unmap(), local.Addr().Unmap()
	family, unspecified := "4", netip.IPv4Unspecified()
	if remote.Is6() {
		family, unspecified = "6", netip.IPv6Unspecified()
	}
	if !address.IsValid() || address.IsUnspecified() {
		address = unspecified
	}
	if address.Is6() != remote.Is6() {
		return nil, fmt.Errorf("local address %v and peer %v: want both IPv4 or both IPv6", address, peer)
	}
	if e == dataplane.IP {
		return dialIP(fmt.Sprintf("ip%s:%d", family, protocolL2TP), address, remote)
	}
	dialer := net.Dialer{
		LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, local.Port())),
		Control:   prepare,
	}
	peer = netip.AddrPortFrom(remote, peer.Port())
	conn, err := dialer.Dial("udp"+family, peer.String())
	if err != nil {
		return nil, err
	}
	return &socket{conn.(*net.UDPConn), peer}, nil
}

// dialIP opens a raw socket to the peer.
func dialIP(network string, local, peer netip.Addr) (*socket, error) {
	dialer := net.Dialer{LocalAddr: &net.IPAddr{IP: local.AsSlice(), Zone: local.Zone()}, Control: prepare}
	conn, err := dialer.Dial(network, peer.String())
	if err != nil {
		return nil, err
	}
	s := &socket{conn.(*net.IPConn), netip.AddrPortFrom(peer, 0)}
	// Before it was connected, the socket took packets from anybody.
	err = s.control(func(fd int) error {
		for {
			if _, _, err := unix.Recvfrom(fd, nil, unix.MSG_DONTWAIT); errors.Is(err, unix.EAGAIN) {
				return nil
			}
		}
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// prepare sets the options of a socket before it is bound.
func prepare(network, _ string, raw syscall.RawConn) error {
	discover := struct{ level, option, value int }{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO}
	if strings.HasSuffix(network, "6") {
		discover = struct{ level, option, value int }{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO}
	}
	var err error
	controlErr := raw.Control(func(fd uintptr) {
		fail := func(option string, e error) {
			if e != nil {
				err = errors.Join(err, fmt.Errorf("set %s: %w", option, e))
			}
		}
		fail("SO_REUSEADDR", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		fail("MTU_DISCOVER", unix.SetsockoptInt(int(fd), discover.level, discover.option, discover.value))
		fail("SO_RCVBUF", setBuffer(int(fd), unix.SO_RCVBUFFORCE, unix.SO_RCVBUF))
		fail("SO_SNDBUF", setBuffer(int(fd), unix.SO_SNDBUFFORCE, unix.SO_SNDBUF))
	})
	return errors.Join(controlErr, err)
}

// setBuffer sets the size of a buffer, beyond the system's limit if we may.
func setBuffer(fd, force, option int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, socketBuffer) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, socketBuffer)
}

// receive waits for a datagram, and puts it into b: it is b[from:to], with from no less than at. It returns zeros for one
// that is not the peer's.
func (s *socket) receive(b []byte, at int) (from, to int, err error) {
	switch conn := s.conn.(type) {
	case *net.UDPConn:
		n, sender, err := conn.ReadFromUDPAddrPort(b[at:])
		// Between bind and connect the socket takes datagrams from anybody.
		if err != nil || sender.Port() != s.peer.Port() || sender.Addr().Unmap().WithZone("") != s.peer.Addr().WithZone("") {
			return 0, 0, err
		}
		return at, at + n, nil
	default:
		n, err := conn.Read(b[at:])
		if err != nil {
			return 0, 0, err
		}
		return at + ipHeaderSize(s.peer.Addr(), b[at:at+n]), at + n, nil
	}
}

// ipHeaderSize is the size of the IP header that a packet read from a raw socket has: those of IPv6 leave it out (RFC 3542
// section 3).
func ipHeaderSize(peer netip.Addr, packet []byte) int {
	if peer.Is6() || len(packet) == 0 {
		return 0
	}
	return min(int(packet[0]&0x0f)*4, len(packet))
}

// localAddr is the address that the peer sees.
func (s *socket) localAddr() netip.AddrPort {
	switch a := s.conn.LocalAddr().(type) {
	case *net.UDPAddr:
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	case *net.IPAddr:
		addr, _ := netip.AddrFromSlice(a.IP)
		return netip.AddrPortFrom(addr.Unmap().WithZone(a.Zone), 0)
	}
	return netip.AddrPort{}
}

// pathMTU is what the kernel knows about the path to the peer.
func (s *socket) pathMTU() (mtu int, err error) {
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if s.peer.Addr().Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	err = s.control(func(fd int) (err error) {
		mtu, err = unix.GetsockoptInt(fd, level, option)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("path MTU to %v: %w", s.peer, err)
	}
	return mtu, nil
}

// control runs f with the socket's file descriptor.
func (s *socket) control(f func(fd int) error) error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(controlErr, err)
}
