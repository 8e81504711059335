package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/listen"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/static"
	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// path is the way to the peer: the data plane's tunnel, opened again for as long as the host has no
// address or route.
type path struct {
	tunnel   dataplane.Tunnel // nil: not open
	calls    *listen.Listener // for what is said outside of a control connection; nil: the daemon's listener hears that
	peer     netip.AddrPort   // where it leads: the configured port, or the one that the peer speaks from
	movedAt  time.Time        // when a way to another port was last opened
	heardAt  time.Time        // when a control message last came from there
	aside    aside
	mtu      int
	err      error     // why it could not be opened last; nil: it could
	errAt    time.Time // when
	hint     error     // what the network has last reported of what we sent; it proves nothing
	hintAt   time.Time // when
	retry    timing.Backoff
	failures int
	retryAt  time.Time // when to try again to open it; zero: it is open
}

// send sends a control message to where its control connection is.
func (p *path) send(message []byte) {
	if tunnel, _ := p.way(message); tunnel != nil {
		// An error here is a lost datagram; reliable delivery sends it again, and the network's
		// word comes by Unreachable.
		_ = tunnel.SendControl(message)
	}
}

// way is the one that a message takes, and where it leads.
func (p *path) way(message []byte) (dataplane.Tunnel, netip.AddrPort) {
	if id, _ := l2tp.PeekConnectionID(message); p.aside.tunnel != nil && id == p.aside.id {
		return p.aside.tunnel, p.aside.peer
	}
	return p.tunnel, p.peer
}

// lastHeard is when the last data message came from the peer.
func (p *path) lastHeard() time.Time {
	if p.tunnel == nil {
		return time.Time{}
	}
	return p.tunnel.Stats().LastHeard
}

// addressOf is where a tunnel begins, for people: with its port, if it has one.
func addressOf(t dataplane.Tunnel) string {
	if a := t.LocalAddr(); a.Port() == 0 {
		return a.Addr().String()
	}
	return t.LocalAddr().String()
}

// openTunnel opens a way to the peer. It is the one place that does.
func (l *loop) openTunnel(peer netip.AddrPort) (dataplane.Tunnel, error) {
	if l.protection != nil && !l.protection.stands {
		return nil, errUnprotected
	}
	cfg := dataplane.TunnelConfig{
		Encapsulation: wiring.Encapsulation(l.peer.Encapsulation),
		Local:         l.local, Peer: peer,
		Protected:   l.protection != nil,
		Control:     func(message []byte) { l.Receive(message, peer) },
		PathChanged: func() { l.post(l.pathChanged) },
		Unreachable: func(err error) {
			l.offer(func(now time.Time) { l.path.hint, l.path.hintAt = cause(err), now })
		},
	}
	plane := l.daemon.planeOf(l.peer)
	if l.peer.IsStatic() {
		return static.OpenTunnel(plane, static.IDs{Local: l.peer.Static.LocalTunnelID, Peer: l.peer.Static.PeerTunnelID}, cfg)
	}
	return plane.OpenTunnel(cfg)
}

// openPath opens the way to the peer in place of the one there is. What is to be protected has to
// be that first.
func (l *loop) openPath(now time.Time) {
	p := &l.path
	if l.protection != nil && !l.protection.stands {
		l.protect()
		return
	}
	tunnel, err := l.openTunnel(p.peer)
	l.closePath()
	if err == nil {
		p.tunnel = tunnel
		err = l.listenForCalls()
	}
	if err != nil {
		l.closePath()
		l.noPath(now, explainPath(err, l.local, p.peer))
		return
	}
	if p.failures > 0 {
		l.publish(api.Event{Kind: api.EventPathOpen, Message: "path to the peer is open"}, zap.String("local", addressOf(tunnel)))
	}
	p.err, p.hint, p.failures, p.retryAt = nil, nil, 0, time.Time{}
	l.pathChanged(now)
}

// noPath takes note of why there is no way to the peer, and when to try again.
func (l *loop) noPath(now time.Time, err error) {
	p := &l.path
	if p.err == nil || p.err.Error() != err.Error() {
		l.publish(api.Event{Kind: api.EventPathFailed, Level: api.EventWarn, Message: "no path to the peer", Reason: err.Error()})
	}
	p.err, p.errAt = err, now
	p.failures++
	p.retryAt = now.Add(p.retry.Delay(p.failures-1, wiring.Random32()))
}

// listenForCalls has somebody hear what the peer says outside of a control connection, if the
// daemon's listener must not: it was there before the protection was. Over UDP a connected socket
// hears it all.
func (l *loop) listenForCalls() (err error) {
	if l.protection == nil || l.path.peer.Port() != 0 {
		return nil
	}
	l.path.calls, err = listen.Dedicated(l.listenPeer(), l.log)
	return err
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
		l.publish(api.Event{Kind: api.EventPathMTU, Message: "path MTU"}, zap.Int("octets", mtu))
	}
	l.path.mtu = mtu
	l.pair.SetPathMTU(now, l.room(mtu), &l.out)
}

// closePath closes the way to the peer, and the one aside, if there are. The sessions on it are
// over.
func (l *loop) closePath() {
	l.closeAside()
	l.closeTunnel(l.path.tunnel)
	l.path.tunnel = nil
	if l.path.calls != nil {
		l.path.calls.Close()
		l.path.calls = nil
	}
}

func (l *loop) closeAside() {
	l.closeTunnel(l.path.aside.tunnel)
	l.path.aside = aside{}
}

// closeTunnel does not wait, as the tunnel waits for its callbacks, which may be waiting for the
// loop.
func (l *loop) closeTunnel(tunnel dataplane.Tunnel) {
	if tunnel == nil {
		return
	}
	l.closing.Add(1)
	l.daemon.executor.later(func() {
		defer l.closing.Done()
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
