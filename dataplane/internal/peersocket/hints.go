package peersocket

import (
	"errors"
	"io"
	"net"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// Hints takes what the network says of what a tunnel sends, and hands it to the tunnel's owner from
// a goroutine of its own: whoever sends is not held up.
type Hints struct {
	cfg         dataplane.TunnelConfig
	pathMTU     func() (int, error)
	known       atomic.Int64  // the path MTU that the owner knows
	mayDiffer   chan struct{} // of size 1: it may be another now
	unreachable chan error    // of size 1: the latest untold
}

// NewHints is the hints for the owner that cfg names, whose tunnel has that path MTU.
func NewHints(cfg dataplane.TunnelConfig, pathMTU func() (int, error)) *Hints {
	if cfg.Protected { // what the socket says has ESP's part taken off, or not, as there are security associations
		pathMTU = func() (int, error) { return routeMTU(cfg.Local.Addr(), cfg.Peer.Addr()) }
	}
	return &Hints{cfg: cfg, pathMTU: pathMTU, mayDiffer: make(chan struct{}, 1), unreachable: make(chan error, 1)}
}

// PathMTU asks for the path MTU on behalf of the owner, who then knows it.
func (h *Hints) PathMTU() (int, error) {
	mtu, err := h.pathMTU()
	if err == nil {
		h.known.Store(int64(mtu))
	}
	return mtu, err
}

// Send sends a datagram on s. A socket tells of an earlier datagram's fate by refusing the next
// one, so it tries twice.
func (h *Hints) Send(s io.Writer, datagram []byte) error {
	_, err := s.Write(datagram)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		h.Report(err)
		_, err = s.Write(datagram)
	}
	return err
}

// Report takes an error of a socket, if the network is behind it. It does not block.
func (h *Hints) Report(err error) {
	switch {
	case !errors.As(err, new(unix.Errno)): // the runtime's poller has errors of its own
	case errors.Is(err, unix.EMSGSIZE):
		h.CheckPath()
	default:
		select {
		case h.unreachable <- err:
		default:
		}
	}
}

// CheckPath has the path MTU compared with the one that the owner knows. It does not block.
func (h *Hints) CheckPath() {
	select {
	case h.mayDiffer <- struct{}{}:
	default: // about to be done
	}
}

// Tell tells the owner, until done is closed.
func (h *Hints) Tell(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-h.mayDiffer:
			known := h.known.Load()
			if mtu, err := h.PathMTU(); err == nil && int64(mtu) != known {
				h.cfg.PathChanged()
			}
		case err := <-h.unreachable:
			h.cfg.Unreachable(err)
		}
	}
}
