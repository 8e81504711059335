package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/l2tpvl/l2tpvl/dataplane/internal/peersocket"
	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// udpWire is L2TP over UDP (RFC 3931 section 4.1.2). The kernel's tunnel is on the socket that
// control messages take.
type udpWire struct {
	t      *tunnel
	socket atomic.Pointer[peersocket.Socket]
	taken  bool // by a tunnel of the kernel, for good; guarded by t.replacing
}

func openUDP(t *tunnel) (wire, error) {
	socket, err := peersocket.Dial(t.cfg.Local, t.cfg.Peer)
	if err != nil {
		return nil, err
	}
	w := &udpWire{t: t}
	w.use(socket)
	return w, nil
}

// use makes the socket the one that control messages take.
func (w *udpWire) use(socket *peersocket.Socket) {
	w.socket.Store(socket)
	w.t.work.Go(func() { w.read(socket) })
}

// read takes what the kernel leaves to us of what comes to the socket, until it is closed.
func (w *udpWire) read(socket *peersocket.Socket) {
	buffer := make([]byte, maxDatagram)
	for {
		n, fromPeer, err := socket.Receive(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			w.t.hints.Report(err)
		case fromPeer:
			w.t.receive(buffer[:n])
		}
	}
}

func (w *udpWire) Write(datagram []byte) (int, error) { return w.socket.Load().Write(datagram) }

func (w *udpWire) LocalAddrPort() netip.AddrPort { return w.socket.Load().LocalAddrPort() }

func (w *udpWire) PathMTU() (int, error) { return w.socket.Load().PathMTU() }

func (w *udpWire) Close() error { return w.socket.Load().Close() }

func (w *udpWire) next(_ connection, create func(socket int) error) error {
	if w.taken {
		if err := w.replace(); err != nil {
			return err
		}
		w.taken = false
	}
	if err := w.socket.Load().Control(create); err != nil {
		return err
	}
	w.taken = true
	return nil
}

// replace puts a new socket into the place of the one there is.
func (w *udpWire) replace() error {
	old := w.socket.Load()
	var fresh *peersocket.Socket
	err := netns.Do(w.t.home, func() (err error) {
		fresh, err = peersocket.Dial(old.LocalAddrPort(), w.t.cfg.Peer)
		return err
	})
	if err != nil {
		return fmt.Errorf("open another socket to %v: %w", w.t.cfg.Peer, err)
	}
	w.use(fresh) // from now on this one gets what the peer sends
	return old.Close()
}
