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

// path is the path to the peer: the data plane's tunnel. While the host has no address or route for
// it, opening it is retried.
type path struct {
	tunnel     dataplane.Tunnel // nil: not open
	listener   *listen.Listener // for messages to no control connection; nil: another socket
	peer       netip.AddrPort   // the configured port, or the port that the peer sends from
	movedAt    time.Time        // when a path to another port was last opened
	receivedAt time.Time        // when the last control message from there was received
	side       sidePath
	mtu        int       // octets; 0: unknown
	err        error     // why the last attempt to open it failed; nil: it is open
	errAt      time.Time // time of err
	hint       error     // the last ICMP error for sent packets; it may be forged
	hintAt     time.Time // time of hint
	retry      timing.Backoff
	failures   int
	retryAt    time.Time // time of the next attempt to open it; zero: it is open
}

// send sends a control message on the path of its control connection.
func (p *path) send(message []byte) {
	if tunnel, _ := p.route(message); tunnel != nil {
		// An error means a lost datagram, which is retransmitted; ICMP errors are reported by the
		// Unreachable callback.
		_ = tunnel.SendControl(message)
	}
}

// route returns the tunnel for a message, and where it leads.
func (p *path) route(message []byte) (dataplane.Tunnel, netip.AddrPort) {
	if id, _ := l2tp.PeekConnectionID(message); p.side.tunnel != nil && id == p.side.id {
		return p.side.tunnel, p.side.peer
	}
	return p.tunnel, p.peer
}

// lastReceived returns when the last data message was received from the peer; zero: none was.
func (p *path) lastReceived() time.Time {
	if p.tunnel == nil {
		return time.Time{}
	}
	return p.tunnel.Stats().LastHeard
}

// localText returns the local address of a tunnel for people: with its port, if it has one.
func localText(t dataplane.Tunnel) string {
	if a := t.LocalAddr(); a.Port() == 0 {
		return a.Addr().String()
	}
	return t.LocalAddr().String()
}

// openTunnel opens a tunnel to the peer. No other function does, so a protected peer has no socket
// before its protection is in place.
func (l *loop) openTunnel(peer netip.AddrPort) (dataplane.Tunnel, error) {
	if l.protection != nil && !l.protection.inPlace {
		return nil, errNotProtected
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

// openPath opens the path in place of the present one. The path of a protected class is opened once
// its protection is in place.
func (l *loop) openPath(now time.Time) {
	p := &l.path
	if l.protection != nil && !l.protection.inPlace {
		l.protect()
		return
	}
	tunnel, err := l.openTunnel(p.peer)
	l.closePath()
	if err == nil {
		p.tunnel = tunnel
		err = l.listen()
	}
	if err != nil {
		l.closePath()
		l.pathFailed(now, explainPath(err, l.local, p.peer))
		return
	}
	if p.failures > 0 {
		l.publish(api.Event{Kind: api.EventPathOpen, Message: "path open"}, zap.String("local", localText(tunnel)))
	}
	p.err, p.hint, p.failures, p.retryAt = nil, nil, 0, time.Time{}
	l.pathChanged(now)
}

// pathFailed records why the path could not be opened, and when to try again.
func (l *loop) pathFailed(now time.Time, err error) {
	p := &l.path
	if p.err == nil || p.err.Error() != err.Error() {
		l.publish(api.Event{Kind: api.EventPathFailed, Level: api.EventWarn, Message: "no path to the peer", Reason: err.Error()})
	}
	p.err, p.errAt = err, now
	p.failures++
	p.retryAt = now.Add(p.retry.Delay(p.failures-1, wiring.Random32()))
}

// listen opens a listener for the messages of a protected peer over IP to no control connection.
// The daemon's listener must not receive them, because its socket was opened before the protection
// was in place. Over UDP the tunnel's connected socket receives all messages.
func (l *loop) listen() (err error) {
	if l.protection == nil || l.path.peer.Port() != 0 {
		return nil
	}
	l.path.listener, err = listen.Dedicated(l.listenPeer(), l.log)
	return err
}

// pathChanged queries the path MTU, which may have changed, and passes it to the pair.
func (l *loop) pathChanged(now time.Time) {
	if l.path.tunnel == nil {
		return
	}
	mtu, err := l.path.tunnel.PathMTU()
	if err != nil {
		l.log.Warn("path MTU unknown", zap.String("reason", err.Error()))
		return
	}
	if mtu != l.path.mtu {
		l.publish(api.Event{Kind: api.EventPathMTU, Message: "path MTU"}, zap.Int("octets", mtu))
	}
	l.path.mtu = mtu
	l.pair.SetPathMTU(now, l.room(mtu), &l.out)
}

// closePath closes the path and the side path. Their sessions end.
func (l *loop) closePath() {
	l.closeSidePath()
	l.closeTunnel(l.path.tunnel)
	l.path.tunnel = nil
	if l.path.listener != nil {
		l.path.listener.Close()
		l.path.listener = nil
	}
}

func (l *loop) closeSidePath() {
	l.closeTunnel(l.path.side.tunnel)
	l.path.side = sidePath{}
}

// closeTunnel closes a tunnel, unless it is nil, outside of the loop: Close waits for the tunnel's
// callbacks, which may be waiting for the loop.
func (l *loop) closeTunnel(tunnel dataplane.Tunnel) {
	if tunnel == nil {
		return
	}
	l.closing.Add(1)
	l.daemon.executor.run(func() {
		defer l.closing.Done()
		if err := tunnel.Close(); err != nil {
			l.log.Warn("path not closed cleanly", zap.String("reason", err.Error()))
		}
	})
}

// explainPath adds what an operator needs to the common errors of opening a socket.
func explainPath(err error, local, peer netip.AddrPort) error {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this host has no address %s (local.address) yet: %w", local.Addr(), cause(err))
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Errorf("this host has no route to %s: %w", peer.Addr(), cause(err))
	}
	return err
}

// cause returns the kernel's error without the calls and addresses around it, if err wraps one.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
