// Package peersocket opens the socket of a tunnel to its peer: Socket for L2TP over UDP, Raw for
// L2TP over IP. Hints passes the network's reports about sent messages to the owner of the tunnel.
package peersocket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// bufferSize is the requested size of each buffer of a socket in octets: some 30 ms at 1 Gbit/s.
const bufferSize = 4 << 20

// Socket is a connected UDP socket that shares its port with others and never fragments.
type Socket struct {
	*net.UDPConn
	peer netip.AddrPort
}

// Dial opens a socket to the peer. It shares the port of local with the daemon's listener: the
// kernel prefers a connected socket, and the later one of two with the same addresses.
func Dial(local, peer netip.AddrPort) (*Socket, error) {
	if !peer.IsValid() || peer.Port() == 0 {
		return nil, fmt.Errorf("peer %v: want an address and a port", peer)
	}
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	family, address, err := between(local.Addr(), peer.Addr())
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{
		LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, local.Port())),
		Control:   prepare,
	}
	conn, err := dialer.Dial("udp"+family, peer.String())
	if err != nil {
		return nil, err
	}
	return &Socket{UDPConn: conn.(*net.UDPConn), peer: peer}, nil
}

// between returns the version of IP between local and peer, "4" or "6", and the address to bind to.
func between(local, peer netip.Addr) (family string, address netip.Addr, err error) {
	family, unspecified := "4", netip.IPv4Unspecified()
	if peer.Is6() {
		family, unspecified = "6", netip.IPv6Unspecified()
	}
	address = local.Unmap()
	if !address.IsValid() || address.IsUnspecified() {
		address = unspecified
	}
	if address.Is6() != peer.Is6() {
		return "", address, fmt.Errorf("local address %v and peer %v: want both IPv4 or both IPv6", address, peer)
	}
	return family, address, nil
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

// setBuffer sets the size of a buffer, beyond the system's limit if the process may do that.
func setBuffer(fd, force, option int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bufferSize) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, bufferSize)
}

// Receive waits for a datagram and reads it into b. fromPeer is false if the peer did not send it:
// between bind and connect the socket accepts datagrams from any sender.
func (s *Socket) Receive(b []byte) (n int, fromPeer bool, err error) {
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, false, err
	}
	fromPeer = from.Port() == s.peer.Port() && from.Addr().Unmap().WithZone("") == s.peer.Addr().WithZone("")
	return n, fromPeer, nil
}

// LocalAddrPort returns the address and port that the peer sees.
func (s *Socket) LocalAddrPort() netip.AddrPort {
	a := s.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// PathMTU returns the kernel's path MTU to the peer, in octets of IP packet.
func (s *Socket) PathMTU() (int, error) { return pathMTU(s, s.peer.Addr()) }

// discard is the port (RFC 863) of a socket that only queries the route and sends nothing.
const discard = 9

// routeMTU returns the kernel's path MTU to an address, without the effect that IPsec has on
// packets of a tunnel.
func routeMTU(local, peer netip.Addr) (int, error) {
	family, address, err := between(local, peer.Unmap())
	if err != nil {
		return 0, err
	}
	dialer := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, 0))}
	conn, err := dialer.Dial("udp"+family, netip.AddrPortFrom(peer.Unmap(), discard).String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return pathMTU(conn.(*net.UDPConn), peer.Unmap())
}

func pathMTU(conn syscall.Conn, peer netip.Addr) (mtu int, err error) {
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if peer.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	err = control(conn, func(fd int) (err error) {
		mtu, err = unix.GetsockoptInt(fd, level, option)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("path MTU to %v: %w", peer, err)
	}
	return mtu, nil
}

// Control runs f with the socket's file descriptor.
func (s *Socket) Control(f func(fd int) error) error { return control(s, f) }

func control(conn syscall.Conn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(controlErr, err)
}
