package listen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Receiver accepts control messages of one peer.
type Receiver interface {
	// Receive accepts a message that arrived from that address and port. It does not block, and
	// does not keep the octets. It is safe for concurrent use.
	Receive(message []byte, from netip.AddrPort)
}

// Peer is a peer whose messages may arrive at a listening socket.
type Peer struct {
	Receiver
	Local  netip.AddrPort // where to listen; the zero address: at all addresses
	Remote netip.AddrPort // configured address and port of the peer; port 0: over IP

	// Excluded peers are not received from: they are protected, and have a Dedicated listener or a
	// connected socket, or static, and send no control messages.
	Excluded bool
}

// Listener receives messages at one local address, over UDP and IP, and dispatches them to the
// peers.
type Listener struct {
	local   netip.AddrPort
	log     *zap.Logger
	table   atomic.Pointer[table]
	sockets map[string]net.PacketConn // by network; only networks with peers
	reading sync.WaitGroup
	dropped *dropCounters
}

// dropCounters count the datagrams that belong to no peer.
type dropCounters struct{ unknownSender, foreignPort, notControl atomic.Uint64 }

// table maps senders to peers. It is replaced, never changed.
type table struct {
	peers    map[netip.AddrPort]Receiver
	hosts    map[netip.Addr]Receiver // the peer over UDP at that address; nil: several
	excluded map[netip.Addr]bool     // peers over IP whose packets another socket receives, too
}

func newTable(peers []Peer) *table {
	t := &table{peers: make(map[netip.AddrPort]Receiver), hosts: make(map[netip.Addr]Receiver)}
	for _, p := range peers {
		remote, receiver := comparableAddr(p.Remote), p.Receiver
		t.peers[remote] = receiver
		if remote.Port() == 0 {
			continue
		}
		if _, several := t.hosts[remote.Addr()]; several {
			receiver = nil
		}
		t.hosts[remote.Addr()] = receiver
	}
	return t
}

// networks returns the networks over which the peers are reached.
func (t *table) networks() map[string]bool {
	networks := make(map[string]bool)
	for peer := range t.peers {
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

// comparableAddr returns an address in the form in which addresses are compared: IPv4-mapped
// addresses as IPv4, and without a zone.
func comparableAddr(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

func newListener(local netip.AddrPort, peers []Peer, log *zap.Logger) *Listener {
	l := &Listener{local: local, log: log, sockets: make(map[string]net.PacketConn), dropped: new(dropCounters)}
	l.table.Store(newTable(peers))
	return l
}

// Dedicated opens a listener for one peer over IP. Its socket receives packets of that peer only.
func Dedicated(p Peer, log *zap.Logger) (*Listener, error) {
	network := "ip6"
	if p.Remote.Addr().Is4() {
		network = "ip4"
	}
	conn, err := dialIP(network, p.Local.Addr(), p.Remote.Addr())
	if err != nil {
		return nil, err
	}
	l := newListener(p.Local, []Peer{p}, log)
	l.read(network, conn)
	return l, nil
}

// read starts to receive from a socket.
func (l *Listener) read(network string, conn net.PacketConn) {
	l.sockets[network] = conn
	l.reading.Go(func() { l.readAll(conn) })
}

// errorPause is how long to wait after an error of the socket; most errors would repeat at once.
const errorPause = time.Second

// readAll receives from a socket until it is closed.
func (l *Listener) readAll(conn net.PacketConn) {
	buffer := make([]byte, 65536)
	for {
		err := l.readOne(conn, buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.log.Warn("cannot read from listening socket", zap.String("reason", err.Error()))
			time.Sleep(errorPause)
		}
	}
}

func (l *Listener) readOne(conn net.PacketConn, buffer []byte) error {
	n, from, err := conn.ReadFrom(buffer)
	switch from := from.(type) {
	case *net.UDPAddr:
		l.Receive(buffer[:n], from.AddrPort())
	case *net.IPAddr:
		l.receivePacket(buffer[:n], from)
	}
	return err
}

// receivePacket dispatches the payload of a packet of IP protocol 115.
func (l *Listener) receivePacket(payload []byte, from *net.IPAddr) {
	sender, _ := netip.AddrFromSlice(from.IP)
	if len(payload) < 4 || binary.BigEndian.Uint32(payload) != 0 { // session ID
		l.dropped.notControl.Add(1)
		return
	}
	l.Receive(payload[4:], netip.AddrPortFrom(sender, 0))
}

// Receive dispatches a message to the peer that it comes from, or drops and counts it. From has
// port 0 if the message came over IP.
func (l *Listener) Receive(message []byte, from netip.AddrPort) {
	from = comparableAddr(from)
	t := l.table.Load()
	peer := t.peers[from]
	host, known := t.hosts[from.Addr()]
	if peer == nil && from.Port() != 0 {
		peer = host
	}
	switch {
	case peer == nil && from.Port() == 0 && t.excluded[from.Addr()]:
	case peer == nil && known:
		l.dropped.foreignPort.Add(1)
	case peer == nil:
		l.dropped.unknownSender.Add(1)
	case !l2tp.IsControl(message):
		l.dropped.notControl.Add(1)
	default:
		peer.Receive(message, from)
	}
}

// Close closes the sockets. It does not wait for the goroutines that read from them.
func (l *Listener) Close() {
	for _, conn := range l.sockets {
		_ = conn.Close()
	}
}
