package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// listener takes what comes to our port and to no tunnel's connected socket: the first words of a peer whose tunnel is
// not open, and strangers. It answers nobody.
type listener struct {
	conn  *net.UDPConn
	peers map[netip.AddrPort]*loop
	hosts map[netip.Addr]bool // of the peers
	log   *zap.Logger

	stranger, foreignPort, notControl atomic.Uint64 // datagrams dropped
}

// listen opens the socket, which shares its port with the tunnels' connected ones. The local address need not be there yet.
func listen(local netip.AddrPort, loops []*loop, log *zap.Logger) (*listener, error) {
	network, bind := "udp", ""
	if local.Addr().IsValid() {
		bind = local.Addr().String()
	}
	lc := net.ListenConfig{Control: func(network, _ string, raw syscall.RawConn) error {
		level, freebind := unix.SOL_IP, unix.IP_FREEBIND
		if network == "udp6" {
			level, freebind = unix.SOL_IPV6, unix.IPV6_FREEBIND
		}
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInt(int(fd), level, freebind, 1),
			)
		})
		return errors.Join(err, failed)
	}}
	conn, err := lc.ListenPacket(context.Background(), network, net.JoinHostPort(bind, fmt.Sprint(local.Port())))
	if err != nil {
		return nil, err
	}
	l := newListener(loops, log)
	l.conn = conn.(*net.UDPConn)
	return l, nil
}

func newListener(loops []*loop, log *zap.Logger) *listener {
	l := &listener{peers: make(map[netip.AddrPort]*loop), hosts: make(map[netip.Addr]bool), log: log}
	for _, loop := range loops {
		from := plain(loop.peer.AddrPort())
		l.peers[from], l.hosts[from.Addr()] = loop, true
	}
	return l
}

// plain is an address as it compares: IPv4 is IPv4, and the zone does not count.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// run reads until close.
func (l *listener) run() {
	buffer := make([]byte, 65536)
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.log.Warn("cannot read from the listening socket", zap.String("reason", err.Error()))
			time.Sleep(errorPause)
			continue
		}
		l.take(buffer[:n], from)
	}
}

// errorPause is how long to wait after an error of the socket, which comes again at once as a rule.
const errorPause = time.Second

func (l *listener) take(datagram []byte, from netip.AddrPort) {
	from = plain(from)
	loop := l.peers[from]
	switch {
	case loop == nil && l.hosts[from.Addr()]:
		l.foreignPort.Add(1)
	case loop == nil:
		l.stranger.Add(1)
	case !l2tp.IsControl(datagram):
		l.notControl.Add(1)
	default:
		loop.receive(datagram)
	}
}

func (l *listener) close() { _ = l.conn.Close() }
