package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane/internal/peersocket"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
)

// connection is a control connection, by the IDs of its ends.
type connection struct{ local, peer uint32 }

// carrier is a socket to the peer and the kernel's tunnel on it, once there is one. A socket is a tunnel's for good: the
// kernel does not let go of it.
type carrier struct {
	*peersocket.Socket
	connection connection // of the kernel's tunnel; zero: there is none
}

func dialCarrier(local, peer netip.AddrPort) (*carrier, error) {
	socket, err := peersocket.Dial(local, peer)
	if err != nil {
		return nil, err
	}
	return &carrier{Socket: socket}, nil
}

// createTunnel makes the kernel's tunnel on the carrier's socket.
func (t *tunnel) createTunnel(c *carrier, of connection) error {
	// An ended tunnel keeps its ID until the kernel has freed its sessions.
	err := t.persist(unix.EEXIST, func() error {
		return c.Control(func(fd int) error {
			return t.kernel.do(uapi.Tunnel{LocalID: of.local, PeerID: of.peer, Encapsulation: uapi.UDP, Socket: fd}.Create())
		})
	})
	if err != nil {
		return fmt.Errorf("create L2TP tunnel %#x: %w", of.local, err)
	}
	c.connection = of
	return nil
}

// carrierOf is the carrier of a control connection. There is one at a time, as one socket gets all that the peer sends:
// that of an older connection gives way, and never comes back. So does broken, whose tunnel somebody deleted.
func (t *tunnel) carrierOf(of connection, broken *carrier) (*carrier, error) {
	t.replacing.Lock()
	defer t.replacing.Unlock()
	if of.local == 0 {
		return nil, errors.New("a session of no control connection: its local Control Connection ID is 0")
	}
	now := t.carrier.Load()
	if now.connection == of && now != broken {
		return now, nil
	}
	if t.retired[of] {
		return nil, fmt.Errorf("control connection %#x is over: a newer one has taken its place", of.local)
	}
	if now.connection == (connection{}) {
		return now, t.createTunnel(now, of)
	}
	next, err := t.succeed(now, of)
	if err != nil {
		return nil, err
	}
	if now.connection != of {
		t.retired[now.connection] = true
	}
	return next, nil
}

// succeed puts a carrier with a new socket in the place of old.
func (t *tunnel) succeed(old *carrier, of connection) (next *carrier, err error) {
	err = t.home.do(func() (err error) {
		next, err = dialCarrier(old.LocalAddrPort(), t.cfg.Peer)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open another socket to %v: %w", t.cfg.Peer, err)
	}
	// From now on this one gets what the peer sends.
	t.work.Go(func() { t.read(next) })
	t.carrier.Store(next)
	// With its socket the old tunnel goes too. Its sessions' owners are told by watch.
	if err := errors.Join(old.Close(), t.createTunnel(next, of)); err != nil {
		return nil, err
	}
	return next, nil
}
