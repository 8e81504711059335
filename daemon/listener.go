package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// listener takes what comes to us and to no tunnel's connected socket: the first words of a peer,
// and strangers. It answers nobody.
//
// A datagram over UDP comes either here or to a tunnel. A packet of IP protocol 115 comes to all
// sockets that it suits; there the tunnels have the messages of control connections, and the
// listener those to none (Control Connection ID 0).
type listener struct {
	local   netip.AddrPort
	log     *zap.Logger
	callers atomic.Pointer[callers]
	sockets map[string]net.PacketConn // by network: only those over which there are peers
	reading sync.WaitGroup
	*strays
}

// strays count the datagrams that are dropped.
type strays struct{ stranger, foreignPort, notControl atomic.Uint64 }

// callers are those who may call.
type callers struct {
	peers map[netip.AddrPort]*loop
	hosts map[netip.Addr]*loop // the peer with that address, over UDP; nil: there are several
	quiet map[netip.Addr]bool  // whom over IP another listener hears; we get a copy
}

// protocolL2TP is the IP protocol number of L2TP (RFC 3931 section 4.1.1).
const protocolL2TP = 115

// listenTo opens a listener for one peer over IP alone.
func listenTo(peer *loop) (*listener, error) {
	l := newListener(peer.local, []*loop{peer}, peer.log)
	network := "ip6"
	if peer.from.Addr().Is4() {
		network = "ip4"
	}
	dialer := net.Dialer{Control: prepareListener}
	if local := peer.local.Addr(); local.IsValid() {
		dialer.LocalAddr = &net.IPAddr{IP: local.AsSlice()}
	}
	conn, err := dialer.Dial(fmt.Sprintf("%s:%d", network, protocolL2TP), peer.from.Addr().String())
	if err != nil {
		return nil, err
	}
	l.hear(network, conn.(*net.IPConn))
	return l, nil
}

// hear takes what comes to a socket.
func (l *listener) hear(network string, conn net.PacketConn) {
	l.sockets[network] = conn
	l.reading.Go(func() { l.read(conn) })
}

// networks are those over which there are callers.
func (c *callers) networks() map[string]bool {
	networks := make(map[string]bool)
	for peer := range c.peers {
		switch {
		case peer.Port() != 0:
			networks["udp"] = true
		case peer.Addr().Is4():
			networks[fmt.Sprintf("ip4:%d", protocolL2TP)] = true
		default:
			networks[fmt.Sprintf("ip6:%d", protocolL2TP)] = true
		}
	}
	return networks
}

// listenPacket opens a socket. That of UDP shares its port with the tunnels' connected ones. The
// local address need not be there yet.
func listenPacket(network string, local netip.AddrPort) (net.PacketConn, error) {
	at := ""
	if local.Addr().IsValid() {
		at = local.Addr().String()
	}
	if network == "udp" {
		at = net.JoinHostPort(at, fmt.Sprint(local.Port()))
	}
	lc := net.ListenConfig{Control: prepareListener}
	return lc.ListenPacket(context.Background(), network, at)
}

// prepareListener sets the options of a socket before it is bound.
func prepareListener(network, _ string, raw syscall.RawConn) error {
	level, freebind := unix.SOL_IP, unix.IP_FREEBIND
	if strings.HasSuffix(network, "6") {
		level, freebind = unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	filters := map[string]*unix.SockFprog{"ip4": firstWords4.program(), "ip6": firstWords6.program()}
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

func newListener(local netip.AddrPort, loops []*loop, log *zap.Logger) *listener {
	l := &listener{local: local, log: log, sockets: make(map[string]net.PacketConn), strays: new(strays)}
	l.callers.Store(callersOf(loops))
	return l
}

func callersOf(loops []*loop) *callers {
	c := &callers{peers: make(map[netip.AddrPort]*loop), hosts: make(map[netip.Addr]*loop)}
	for _, loop := range loops {
		from := plain(loop.from)
		c.peers[from] = loop
		if from.Port() == 0 {
			continue
		}
		if _, several := c.hosts[from.Addr()]; several {
			loop = nil
		}
		c.hosts[from.Addr()] = loop
	}
	return c
}

// plain is an address as it compares: IPv4 is IPv4, and the zone does not count.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// read takes what comes to a socket until it is closed.
func (l *listener) read(conn net.PacketConn) {
	buffer := make([]byte, 65536)
	for {
		err := l.readOne(conn, buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.log.Warn("cannot read from the listening socket", zap.String("reason", err.Error()))
			time.Sleep(errorPause)
		}
	}
}

func (l *listener) readOne(conn net.PacketConn, buffer []byte) error {
	n, from, err := conn.ReadFrom(buffer)
	switch from := from.(type) {
	case *net.UDPAddr:
		l.take(buffer[:n], from.AddrPort())
	case *net.IPAddr:
		l.takePacket(buffer[:n], from)
	}
	return err
}

// errorPause is how long to wait after an error of the socket, which comes again at once as a rule.
const errorPause = time.Second

// takePacket takes what followed the IP header in a packet of protocol 115.
func (l *listener) takePacket(packet []byte, from *net.IPAddr) {
	sender, _ := netip.AddrFromSlice(from.IP)
	if len(packet) < 4 || binary.BigEndian.Uint32(packet) != 0 {
		l.notControl.Add(1)
		return
	}
	l.take(packet[4:], netip.AddrPortFrom(sender, 0))
}

// take takes a message, or what a stranger sends in its place.
func (l *listener) take(message []byte, from netip.AddrPort) {
	from = plain(from)
	callers := l.callers.Load()
	loop := callers.peers[from]
	host, known := callers.hosts[from.Addr()]
	if loop == nil && from.Port() != 0 {
		loop = host
	}
	switch {
	case loop == nil && from.Port() == 0 && callers.quiet[from.Addr()]:
	case loop == nil && known:
		l.foreignPort.Add(1)
	case loop == nil:
		l.stranger.Add(1)
	case !l2tp.IsControl(message):
		l.notControl.Add(1)
	default:
		loop.receive(message, from)
	}
}

// close does not wait for who reads.
func (l *listener) close() {
	for _, conn := range l.sockets {
		_ = conn.Close()
	}
}
