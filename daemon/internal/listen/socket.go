package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// protocolL2TP is the IP protocol number of L2TP (RFC 3931, section 4.1.1).
const protocolL2TP = 115

// OpenSocket opens a socket of the host: network is "udp", "ip4:115" or "ip6:115". A UDP socket
// shares its port with the tunnels' connected sockets. The host need not have the local address
// yet.
func OpenSocket(network string, local netip.AddrPort) (net.PacketConn, error) {
	at := ""
	if local.Addr().IsValid() {
		at = local.Addr().String()
	}
	if network == "udp" {
		at = net.JoinHostPort(at, fmt.Sprint(local.Port()))
	}
	lc := net.ListenConfig{Control: setOptions}
	return lc.ListenPacket(context.Background(), network, at)
}

// dialIP opens a socket of IP protocol 115 that receives from one host only.
func dialIP(network string, local, remote netip.Addr) (net.PacketConn, error) {
	dialer := net.Dialer{Control: setOptions}
	if local.IsValid() {
		dialer.LocalAddr = &net.IPAddr{IP: local.AsSlice()}
	}
	conn, err := dialer.Dial(fmt.Sprintf("%s:%d", network, protocolL2TP), remote.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.IPConn), nil
}

// setOptions sets the options of a socket before it is bound.
func setOptions(network, _ string, raw syscall.RawConn) error {
	level, freebind := unix.SOL_IP, unix.IP_FREEBIND
	if strings.HasSuffix(network, "6") {
		level, freebind = unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	filters := map[string]*unix.SockFprog{"ip4": firstMessages4.program(), "ip6": firstMessages6.program()}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), level, freebind, 1),
		)
		if filter := filters[network]; filter != nil {
			failed = errors.Join(failed, unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, filter))
		}
	})
	return errors.Join(err, failed)
}
