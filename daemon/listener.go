package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// listener takes what comes to our port and to no tunnel's connected socket: the first words of a peer whose tunnel is
// not open, and strangers. It answers nobody.
type listener struct {
	conn  *net.UDPConn
	peers map[netip.Addr]*loop
	log   *zap.Logger

	stranger, foreignPort, notControl atomic.Uint64 // datagrams dropped
}

// listen opens the socket, which shares its port with the tunnels' connected ones. The local address need not be there yet.
func listen(local netip.AddrPort, loops []*loop, log *zap.Logger) (*listener, error) {
	network, bind := "udp", ""
	if local.Addr().IsValid() {
		bind = local.Addr().String()
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1),
			)
		})
		return errors.Join(err, failed)
	}}
	conn, err := lc.ListenPacket(context.Background(), network, net.JoinHostPort(bind, fmt.Sprint(local.Port())))
	if err != nil {
		return nil, err
	}
	l := &listener{conn: conn.(*net.UDPConn), peers: make(map[netip.Addr]*loop), log: log}
	for _, loop := range loops {
		l.peers[loop.peer.Address] = loop
	}
	return l, nil
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
			l.log.Warn("listening socket", zap.Error(err))
			continue
		}
		l.take(buffer[:n], from)
	}
}

func (l *listener) take(datagram []byte, from netip.AddrPort) {
	loop := l.peers[from.Addr().Unmap()]
	switch {
	case loop == nil:
		l.stranger.Add(1)
	case from.Port() != loop.peer.Port:
		l.foreignPort.Add(1)
	case !l2tp.IsControl(datagram):
		l.notControl.Add(1)
	default:
		loop.receive(datagram)
	}
}

func (l *listener) close() { _ = l.conn.Close() }
