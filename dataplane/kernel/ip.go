package kernel

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane/internal/peersocket"
	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// ipTransport is L2TP over IP (RFC 3931, section 4.1.1). A raw socket is used for control messages;
// it receives those to every Control Connection ID. The kernel's tunnel needs a socket of the
// kernel's L2TP protocol, which is bound to one ID; control messages that it receives are dropped.
type ipTransport struct {
	*peersocket.Raw
	t      *tunnel
	socket int // of the kernel's tunnel, or noSocket; guarded by t.replacing
}

func openIP(t *tunnel) (transport, error) {
	raw, err := peersocket.DialRaw(t.cfg.Local.Addr(), t.cfg.Peer.Addr())
	if err != nil {
		return nil, err
	}
	if err := raw.ReceiveOnlyControl(); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	w := &ipTransport{Raw: raw, t: t, socket: noSocket}
	t.work.Go(w.read)
	return w, nil
}

const noSocket = -1

// read handles control messages until the socket is closed.
func (w *ipTransport) read() {
	buffer := make([]byte, maxDatagram)
	for {
		from, to, err := w.Receive(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			w.t.hints.Report(err)
		default:
			w.t.receiveOverIP(buffer[from:to])
		}
	}
}

func (w *ipTransport) Close() error { return errors.Join(w.Raw.Close(), w.closeSocket()) }

// closeSocket ends the kernel's tunnel, if any.
func (w *ipTransport) closeSocket() error {
	if w.socket == noSocket {
		return nil
	}
	err := unix.Close(w.socket)
	w.socket = noSocket
	return err
}

func (w *ipTransport) next(of connection, create func(socket int) error) error {
	if err := w.closeSocket(); err != nil {
		return err
	}
	err := netns.Do(w.t.home, func() (err error) {
		w.socket, err = w.bind(of)
		return err
	})
	if err == nil {
		err = create(w.socket)
	}
	if err != nil {
		return errors.Join(err, w.closeSocket())
	}
	return nil
}

// bind opens a socket for the kernel's tunnel of a control connection.
func (w *ipTransport) bind(of connection) (int, error) {
	local, peer := w.LocalAddrPort().Addr(), w.t.cfg.Peer.Addr().Unmap()
	family := unix.AF_INET
	var from, to unix.Sockaddr
	if peer.Is4() {
		from = &unix.SockaddrL2TPIP{Addr: local.As4(), ConnId: of.local}
		to = &unix.SockaddrL2TPIP{Addr: peer.As4(), ConnId: of.peer}
	} else {
		family = unix.AF_INET6
		from = &unix.SockaddrL2TPIP6{Addr: local.As16(), ConnId: of.local}
		to = &unix.SockaddrL2TPIP6{Addr: peer.As16(), ConnId: of.peer}
	}
	socket, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_L2TP)
	if err != nil {
		return noSocket, fmt.Errorf("open L2TP over IP socket (modprobe l2tp_ip l2tp_ip6): %w", err)
	}
	for _, step := range []func() error{
		func() error { return unix.SetsockoptSockFprog(socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, dropAll) },
		func() error { return unix.Bind(socket, from) },
		func() error { return unix.Connect(socket, to) },
	} {
		if err := step(); err != nil {
			return noSocket, errors.Join(fmt.Errorf("open L2TP over IP socket of control connection %#x: %w", of.local, err), unix.Close(socket))
		}
	}
	return socket, nil
}

// dropAll is a socket filter that accepts no packet.
var dropAll = &unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}}
