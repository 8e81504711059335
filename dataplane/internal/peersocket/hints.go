package peersocket

import (
	"errors"
	"io"
	"net"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// Hints collects the network's reports about the messages that a tunnel sends, and reports them to
// the tunnel's owner from a goroutine of its own, so that no sender waits for the owner.
type Hints struct {
	cfg         dataplane.TunnelConfig
	pathMTU     func() (int, error)
	known       atomic.Int64  // the path MTU that the owner knows
	mayDiffer   chan struct{} // of size 1: the path MTU may have changed
	unreachable chan error    // of size 1: an error that is not yet reported
}

// NewHints returns the hints for the owner of the tunnel cfg, whose socket returns pathMTU.
func NewHints(cfg dataplane.TunnelConfig, pathMTU func() (int, error)) *Hints {
	if cfg.Protected {
		// The path MTU of the socket has the overhead of ESP subtracted or not, depending on the
		// present security associations.
		pathMTU = func() (int, error) { return routeMTU(cfg.Local.Addr(), cfg.Peer.Addr()) }
	}
	return &Hints{
		cfg: cfg, pathMTU: pathMTU,
		mayDiffer: make(chan struct{}, 1), unreachable: make(chan error, 1),
	}
}

// PathMTU returns the path MTU to the owner, which knows it from then on.
func (h *Hints) PathMTU() (int, error) {
	mtu, err := h.pathMTU()
	if err == nil {
		h.known.Store(int64(mtu))
	}
	return mtu, err
}

// Send writes a datagram to s. A socket reports an error about an earlier datagram by refusing the
// next one, so Send tries twice.
func (h *Hints) Send(s io.Writer, datagram []byte) error {
	_, err := s.Write(datagram)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		h.Report(err)
		_, err = s.Write(datagram)
	}
	return err
}

// Report records an error of a socket if it comes from the network. It does not block.
func (h *Hints) Report(err error) {
	switch {
	case !errors.As(err, new(unix.Errno)): // from the poller of the Go runtime
	case errors.Is(err, unix.EMSGSIZE):
		h.CheckPath()
	default:
		select {
		case h.unreachable <- err:
		default:
		}
	}
}

// CheckPath makes Run compare the path MTU with the one that the owner knows. It does not block.
func (h *Hints) CheckPath() {
	select {
	case h.mayDiffer <- struct{}{}:
	default: // already requested
	}
}

// Run reports to the owner until done is closed.
func (h *Hints) Run(done <-chan struct{}) {
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
