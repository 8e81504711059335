package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
)

// connection is a control connection, by the IDs of its ends.
type connection struct{ local, peer uint32 }

// carrier is the kernel's tunnel of a control connection.
type carrier struct{ connection connection }

// wire is the way to the peer by one encapsulation: a socket for control messages, which a
// goroutine of the tunnel reads, and the sockets that the kernel's tunnels are on. A socket is a
// tunnel's for good: the kernel does not let go of it.
type wire interface {
	Write(datagram []byte) (int, error) // as it is on the wire
	LocalAddrPort() netip.AddrPort
	PathMTU() (int, error)
	Close() error

	// next has create make the kernel's tunnel of a control connection on a socket. The one before
	// goes, and so does its tunnel.
	next(of connection, create func(socket int) error) error
}

// openWire opens the way to the peer.
func (t *tunnel) openWire() (wire, error) {
	if t.cfg.Encapsulation == dataplane.IP {
		return openIP(t)
	}
	return openUDP(t)
}

var encapsulations = map[dataplane.Encapsulation]uapi.Encapsulation{
	dataplane.UDP: uapi.UDP,
	dataplane.IP:  uapi.IP,
}

// createTunnel makes the kernel's tunnel on a socket.
func (t *tunnel) createTunnel(of connection, socket int) error {
	// An ended tunnel keeps its ID until the kernel has freed its sessions.
	err := t.persist(unix.EEXIST, func() error {
		return t.kernel.do(uapi.Tunnel{
			LocalID: of.local, PeerID: of.peer, Encapsulation: encapsulations[t.cfg.Encapsulation], Socket: socket,
		}.Create())
	})
	if err != nil {
		return fmt.Errorf("create L2TP tunnel %#x: %w", of.local, err)
	}
	return nil
}

// carrierOf is the carrier of a control connection. There is one at a time, as over UDP one socket
// gets all that the peer sends: that of an older connection gives way, and never comes back. So
// does broken, whose tunnel somebody deleted.
func (t *tunnel) carrierOf(of connection, broken *carrier) (*carrier, error) {
	t.replacing.Lock()
	defer t.replacing.Unlock()
	if of.local == 0 {
		return nil, errors.New("a session of no control connection: its local Control Connection ID is 0")
	}
	now := t.carrier
	if now != nil && now != broken && now.connection == of {
		return now, nil
	}
	if t.retired[of] {
		return nil, fmt.Errorf("control connection %#x is over: a newer one has taken its place", of.local)
	}
	if now != nil && now.connection != of {
		t.retired[now.connection] = true // the owners of its sessions are told by watch
	}
	t.carrier = nil
	if err := t.wire.next(of, func(socket int) error { return t.createTunnel(of, socket) }); err != nil {
		return nil, err
	}
	t.carrier = &carrier{of}
	return t.carrier, nil
}
