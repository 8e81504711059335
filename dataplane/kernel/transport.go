package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
)

// connection is a control connection, identified by the IDs of its ends.
type connection struct{ local, peer uint32 }

// kernelTunnel is the kernel's L2TP tunnel of a control connection.
type kernelTunnel struct{ connection connection }

// transport is the sockets to the peer for one encapsulation: one for control messages, which a
// goroutine of the tunnel reads, and those that the kernel's tunnels use. The kernel never releases
// a socket that a tunnel of its own uses.
type transport interface {
	Write(datagram []byte) (int, error)
	LocalAddrPort() netip.AddrPort
	PathMTU() (int, error)
	Close() error

	// next calls create with a socket, on which it creates the kernel's tunnel of a control
	// connection. It closes the socket of the tunnel before, which ends that tunnel.
	next(of connection, create func(socket int) error) error
}

// openTransport opens the sockets to the peer.
func (t *tunnel) openTransport() (transport, error) {
	if t.cfg.Encapsulation == dataplane.IP {
		return openIP(t)
	}
	return openUDP(t)
}

var encapsulations = map[dataplane.Encapsulation]uapi.Encapsulation{
	dataplane.UDP: uapi.UDP,
	dataplane.IP:  uapi.IP,
}

// createTunnel creates the kernel's tunnel of a control connection on a socket.
func (t *tunnel) createTunnel(of connection, socket int) error {
	// A closed tunnel keeps its ID until the kernel has freed its sessions.
	err := t.retryWhile(unix.EEXIST, func() error {
		return t.kernel.do(uapi.Tunnel{
			LocalID: of.local, PeerID: of.peer, Encapsulation: encapsulations[t.cfg.Encapsulation], Socket: socket,
		}.Create())
	})
	if err != nil {
		return fmt.Errorf("create L2TP tunnel %#x: %w", of.local, err)
	}
	return nil
}

// kernelTunnelOf returns the kernel's tunnel of a control connection, and creates it if it is
// missing. It replaces the tunnel broken, which another process has deleted. One tunnel exists at a
// time, because over UDP one socket receives everything that the peer sends: the tunnel of an older
// connection is closed, and not created again.
func (t *tunnel) kernelTunnelOf(of connection, broken *kernelTunnel) (*kernelTunnel, error) {
	t.replacing.Lock()
	defer t.replacing.Unlock()
	if of.local == 0 {
		return nil, errors.New("local Control Connection ID is 0: want the one of the session's control connection")
	}
	now := t.kernelTunnel
	if now != nil && now != broken && now.connection == of {
		return now, nil
	}
	if t.retired[of] {
		return nil, fmt.Errorf("control connection %#x was replaced by a newer one", of.local)
	}
	if now != nil && now.connection != of {
		t.retired[now.connection] = true // watch reports its sessions as gone
	}
	t.kernelTunnel = nil
	if err := t.transport.next(of, func(socket int) error { return t.createTunnel(of, socket) }); err != nil {
		return nil, err
	}
	t.kernelTunnel = &kernelTunnel{of}
	return t.kernelTunnel, nil
}
