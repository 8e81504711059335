package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// listener takes what comes to us and to no tunnel's connected socket: the first words of a peer, and strangers. It answers
// nobody.
//
// A datagram over UDP comes either here or to a tunnel. A packet of IP protocol 115 comes to all sockets that it suits;
// there the tunnels have the messages of control connections, and the listener those to none (Control Connection ID 0).
type listener struct {
	udp   *net.UDPConn  // nil: no peer is reached over UDP
	ip    []*net.IPConn // by version of IP
	peers map[netip.AddrPort]*loop
	hosts map[netip.Addr]*loop // the peer with that address, over UDP; nil: there are several
	quiet map[netip.Addr]bool  // whom over IP another listener hears; we get a copy
	log   *zap.Logger

	stranger, foreignPort, notControl atomic.Uint64 // datagrams dropped
}

// protocolL2TP is the IP protocol number of L2TP (RFC 3931 section 4.1.1).
const protocolL2TP = 115

// listen opens a listener for each address that we have towards peers. Those whose flow IPsec protects are none of theirs: a
// socket that was there before the protection could have what came in clear.
func (d *Daemon) listen() error {
	byLocal := make(map[netip.AddrPort][]*loop)
	for _, l := range inClear(d.loops) {
		if l.peer.IsStatic() {
			continue // its data messages are for its tunnel
		}
		byLocal[l.local] = append(byLocal[l.local], l)
	}
	overIP := make(map[netip.Addr]bool)
	for _, l := range d.loops {
		if l.peer.Encapsulation == config.EncapsulationIP {
			overIP[plain(l.peer.AddrPort()).Addr()] = true
		}
	}
	for local, loops := range byLocal {
		l, err := listen(local, loops, d.log)
		if err != nil {
			d.closeListeners()
			return err
		}
		l.quiet = overIP
		d.listeners = append(d.listeners, l)
	}
	return nil
}

// inClear are the loops whose class is in clear.
func inClear(loops []*loop) []*loop {
	return slices.DeleteFunc(slices.Clone(loops), func(l *loop) bool { return l.protection != nil })
}

func (d *Daemon) closeListeners() {
	for _, l := range d.listeners {
		l.close()
	}
}

// listenTo opens a listener for one peer over IP alone.
func listenTo(peer *loop) (*listener, error) {
	l := newListener([]*loop{peer}, peer.log)
	network := "ip6"
	if peer.peer.Address.Is4() {
		network = "ip4"
	}
	dialer := net.Dialer{Control: prepareListener}
	if local := peer.local.Addr(); local.IsValid() {
		dialer.LocalAddr = &net.IPAddr{IP: local.AsSlice()}
	}
	conn, err := dialer.Dial(fmt.Sprintf("%s:%d", network, protocolL2TP), peer.peer.Address.String())
	if err != nil {
		return nil, err
	}
	l.ip = append(l.ip, conn.(*net.IPConn))
	return l, nil
}

// listen opens the sockets. That of UDP shares its port with the tunnels' connected ones. The local address need not be
// there yet.
func listen(local netip.AddrPort, loops []*loop, log *zap.Logger) (*listener, error) {
	l := newListener(loops, log)
	bind := ""
	if local.Addr().IsValid() {
		bind = local.Addr().String()
	}
	networks := make(map[string]bool)
	for peer := range l.peers {
		switch {
		case peer.Port() != 0:
			networks["udp"] = true
		case peer.Addr().Is4():
			networks[fmt.Sprintf("ip4:%d", protocolL2TP)] = true
		default:
			networks[fmt.Sprintf("ip6:%d", protocolL2TP)] = true
		}
	}
	lc := net.ListenConfig{Control: prepareListener}
	for network := range networks {
		at := bind
		if network == "udp" {
			at = net.JoinHostPort(bind, fmt.Sprint(local.Port()))
		}
		conn, err := lc.ListenPacket(context.Background(), network, at)
		if err != nil {
			l.close()
			return nil, err
		}
		switch conn := conn.(type) {
		case *net.UDPConn:
			l.udp = conn
		case *net.IPConn:
			l.ip = append(l.ip, conn)
		}
	}
	return l, nil
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

func newListener(loops []*loop, log *zap.Logger) *listener {
	l := &listener{peers: make(map[netip.AddrPort]*loop), hosts: make(map[netip.Addr]*loop), log: log}
	for _, loop := range loops {
		if loop.peer.IsStatic() {
			continue // it has nothing to say
		}
		from := plain(loop.peer.AddrPort())
		l.peers[from] = loop
		if from.Port() == 0 {
			continue
		}
		if _, several := l.hosts[from.Addr()]; several {
			loop = nil
		}
		l.hosts[from.Addr()] = loop
	}
	return l
}

// plain is an address as it compares: IPv4 is IPv4, and the zone does not count.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// run reads until close.
func (l *listener) run() {
	var reading sync.WaitGroup
	for _, conn := range l.ip {
		reading.Go(func() {
			l.read(func(buffer []byte) error {
				n, from, err := conn.ReadFromIP(buffer)
				if err == nil {
					l.takePacket(buffer[:n], from)
				}
				return err
			})
		})
	}
	if l.udp != nil {
		l.read(func(buffer []byte) error {
			n, from, err := l.udp.ReadFromUDPAddrPort(buffer)
			if err == nil {
				l.take(buffer[:n], from)
			}
			return err
		})
	}
	reading.Wait()
}

func (l *listener) read(one func(buffer []byte) error) {
	buffer := make([]byte, 65536)
	for {
		err := one(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.log.Warn("cannot read from the listening socket", zap.String("reason", err.Error()))
			time.Sleep(errorPause)
		}
	}
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
	loop := l.peers[from]
	host, known := l.hosts[from.Addr()]
	if loop == nil && from.Port() != 0 {
		loop = host
	}
	switch {
	case loop == nil && from.Port() == 0 && l.quiet[from.Addr()]:
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

func (l *listener) close() {
	if l.udp != nil {
		_ = l.udp.Close()
	}
	for _, conn := range l.ip {
		_ = conn.Close()
	}
}
