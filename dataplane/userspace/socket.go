package userspace

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketBuffer is the size asked for each of a socket's buffers: some 30 ms of a 1 Gbit/s link.
const socketBuffer = 4 << 20

// socket is a connected UDP socket that shares its port with others and never fragments.
type socket struct {
	*net.UDPConn
	peer netip.AddrPort
}

// dial opens a socket to the peer. It shares local's port with the daemon's listener: the kernel prefers the connected one.
func dial(local, peer netip.AddrPort) (*socket, error) {
	if !peer.IsValid() || peer.Port() == 0 {
		return nil, fmt.Errorf("peer %v: want an address and a port", peer)
	}
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	network, unspecified := "udp4", netip.IPv4Unspecified()
	if peer.Addr().Is6() {
		network, unspecified = "udp6", netip.IPv6Unspecified()
	}
	address := local.Addr().Unmap()
	if !address.IsValid() || address.IsUnspecified() {
		address = unspecified
	}
	if address.Is6() != peer.Addr().Is6() {
		return nil, fmt.Errorf("local address %v and peer %v: want both IPv4 or both IPv6", address, peer)
	}
	dialer := net.Dialer{
		LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, local.Port())),
		Control:   prepare,
	}
	conn, err := dialer.Dial(network, peer.String())
	if err != nil {
		return nil, err
	}
	return &socket{UDPConn: conn.(*net.UDPConn), peer: peer}, nil
}

// prepare sets the options of a socket before it is bound.
func prepare(network, _ string, raw syscall.RawConn) error {
	discover := struct{ level, option, value int }{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO}
	if network == "udp6" {
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

// receive waits for datagrams, and puts each into its buffer from offset on. It returns how many there are.
func (s *socket) receive(buffers [][]byte, sizes []int, offset int) (int, error) {
	n, from, err := s.ReadFromUDPAddrPort(buffers[0][offset:])
	if err != nil {
		return 0, err
	}
	// Between bind and connect the socket takes datagrams from anybody.
	if from.Port() != s.peer.Port() || from.Addr().Unmap().WithZone("") != s.peer.Addr().WithZone("") {
		return 0, nil
	}
	sizes[0] = n
	return 1, nil
}

// localAddr is the address that the peer sees.
func (s *socket) localAddr() netip.AddrPort {
	a := s.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// pathMTU is what the kernel knows about the path to the peer.
func (s *socket) pathMTU() (int, error) {
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if s.peer.Addr().Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	var mtu int
	controlErr := raw.Control(func(fd uintptr) {
		mtu, err = unix.GetsockoptInt(int(fd), level, option)
	})
	if err := errors.Join(controlErr, err); err != nil {
		return 0, fmt.Errorf("path MTU to %v: %w", s.peer, err)
	}
	return mtu, nil
}
