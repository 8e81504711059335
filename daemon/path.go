package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// path is the way to the peer: the data plane's tunnel, opened again for as long as the host has no address or route.
type path struct {
	tunnel   dataplane.Tunnel // nil: not open
	mtu      int
	err      error     // why it could not be opened last; nil: it could
	errAt    time.Time // when
	hint     error     // what the network has last reported of what we sent; it proves nothing
	hintAt   time.Time // when
	retry    control.Backoff
	failures int
	retryAt  time.Time // when to try again to open it; zero: it is open
}

func (p *path) send(message []byte) {
	if p.tunnel != nil {
		// An error here is a lost datagram; reliable delivery sends it again, and the network's word comes by Unreachable.
		_ = p.tunnel.SendControl(message)
	}
}

// lastHeard is when the last data message came from the peer.
func (p *path) lastHeard() time.Time {
	if p.tunnel == nil {
		return time.Time{}
	}
	return p.tunnel.Stats().LastHeard
}

// openPath opens the way to the peer in place of the one there is.
func (l *loop) openPath(now time.Time) {
	p := &l.path
	local, peer := netip.AddrPortFrom(l.daemon.cfg.Local.Address, l.daemon.cfg.Local.Port), l.peer.AddrPort()
	tunnel, err := l.daemon.plane.OpenTunnel(dataplane.TunnelConfig{
		Local: local, Peer: peer,
		Control:     l.receive,
		PathChanged: func() { l.post(l.pathChanged) },
		Unreachable: func(err error) {
			l.offer(func(now time.Time) { l.path.hint, l.path.hintAt = cause(err), now })
		},
	})
	l.closePath()
	p.tunnel = tunnel
	if err != nil {
		p.tunnel = nil
		if p.failures == 0 {
			l.log.Warn("no path to the peer", zap.String("reason", explainPath(err, local, peer).Error()))
		}
		p.err, p.errAt = explainPath(err, local, peer), now
		p.retryAt = now.Add(p.retry.Delay(p.failures, random32()))
		p.failures++
		return
	}
	if p.failures > 0 {
		l.log.Info("path to the peer is open", zap.String("local", tunnel.LocalAddr().String()))
	}
	p.err, p.hint, p.failures, p.retryAt = nil, nil, 0, time.Time{}
	l.pathChanged(now)
}

// pathChanged takes the path's MTU, which may have changed.
func (l *loop) pathChanged(now time.Time) {
	if l.path.tunnel == nil {
		return
	}
	mtu, err := l.path.tunnel.PathMTU()
	if err != nil {
		l.log.Warn("path MTU not known", zap.String("reason", err.Error()))
		return
	}
	if mtu != l.path.mtu {
		l.log.Info("path MTU", zap.Int("octets", mtu))
	}
	l.path.mtu = mtu
	l.pair.SetPathMTU(now, mtu, &l.out)
}

// closePath closes the way to the peer, if there is one. The sessions on it are over. It does not wait, as the tunnel waits
// for its callbacks, which may be waiting for the loop.
func (l *loop) closePath() {
	tunnel := l.path.tunnel
	if tunnel == nil {
		return
	}
	l.path.tunnel = nil
	l.daemon.executor.later(func() {
		if err := tunnel.Close(); err != nil {
			l.log.Warn("path not closed cleanly", zap.String("reason", err.Error()))
		}
	})
}

// explainPath puts the common errors of opening a socket into an operator's words.
func explainPath(err error, local, peer netip.AddrPort) error {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this host has no address %s (local.address) yet: %w", local.Addr(), cause(err))
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Errorf("this host has no route to %s: %w", peer.Addr(), cause(err))
	}
	return err
}

// cause is the kernel's error without the calls and addresses around it, if it is in there.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
