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

// udpTransport is L2TP over UDP (RFC 3931, section 4.1.2). The kernel's tunnel uses the same socket
// as control messages.
type udpTransport struct {
	t      *tunnel
	socket atomic.Pointer[peersocket.Socket]
	used   bool // by a tunnel of the kernel, which never releases it; guarded by t.replacing
}

func openUDP(t *tunnel) (transport, error) {
	socket, err := peersocket.Dial(t.cfg.Local, t.cfg.Peer)
	if err != nil {
		return nil, err
	}
	w := &udpTransport{t: t}
	w.use(socket)
	return w, nil
}

// use makes socket the one for control messages.
func (w *udpTransport) use(socket *peersocket.Socket) {
	w.socket.Store(socket)
	w.t.work.Go(func() { w.read(socket) })
}

// read handles the datagrams that the kernel did not handle itself, until the socket is closed.
func (w *udpTransport) read(socket *peersocket.Socket) {
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

func (w *udpTransport) Write(datagram []byte) (int, error) { return w.socket.Load().Write(datagram) }

func (w *udpTransport) LocalAddrPort() netip.AddrPort { return w.socket.Load().LocalAddrPort() }

func (w *udpTransport) PathMTU() (int, error) { return w.socket.Load().PathMTU() }

func (w *udpTransport) Close() error { return w.socket.Load().Close() }

func (w *udpTransport) next(_ connection, create func(socket int) error) error {
	if w.used {
		if err := w.replace(); err != nil {
			return err
		}
		w.used = false
	}
	if err := w.socket.Load().Control(create); err != nil {
		return err
	}
	w.used = true
	return nil
}

// replace replaces the socket by a new one.
func (w *udpTransport) replace() error {
	old := w.socket.Load()
	var fresh *peersocket.Socket
	err := netns.Do(w.t.home, func() (err error) {
		fresh, err = peersocket.Dial(old.LocalAddrPort(), w.t.cfg.Peer)
		return err
	})
	if err != nil {
		return fmt.Errorf("open another socket to %v: %w", w.t.cfg.Peer, err)
	}
	w.use(fresh) // it receives what the peer sends from now on
	return old.Close()
}
