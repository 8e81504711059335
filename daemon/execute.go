package daemon

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

// linkRuntime is what exists of a link outside of the machines: the queue of its effects, and its
// session in the data plane.
type linkRuntime struct {
	loop    *loop
	link    *session.Link
	queue   queue
	present atomic.Pointer[planeSession] // written by jobs of the queue only; nil: no session
	gone    chan struct{}                // closed when the link is removed and nothing of it exists
}

// planeSession is a session of the data plane, with the interface in its virtual router.
type planeSession struct {
	attempt session.Attempt
	session dataplane.Session
	router  Router

	// For jobs of the queue only: the last configuration of the interface, and whether the operator
	// has set it down since.
	configured vr.Interface
	setDown    bool
}

// isUp reports whether the interface is set up, as far as the jobs of the queue know.
func (p *planeSession) isUp() bool { return p.configured.Up && !p.setDown }

// of returns the session of an attempt; nil: it does not exist.
func (x *linkRuntime) of(a session.Attempt) dataplane.Session {
	if p := x.present.Load(); p != nil && p.attempt == a {
		return p.session
	}
	return nil
}

// runtime returns the runtime of a link, and creates it for the first effect of the link.
func (l *loop) runtime(link *session.Link) *linkRuntime {
	x := l.links[link]
	if x == nil {
		x = &linkRuntime{loop: l, link: link, queue: queue{executor: l.daemon.executor}, gone: make(chan struct{})}
		l.links[link] = x
		l.daemon.interfaces.add(x)
	}
	return x
}

// execute carries out an effect. Effects that may block are queued.
func (l *loop) execute(now time.Time, effect session.Effect) {
	switch e := effect.(type) {
	case session.Create:
		l.create(e)
	case session.Open:
		x := l.runtime(e.Link)
		x.queue.add(func() {
			if s := x.of(e.Attempt); s != nil {
				s.SetOpen(e.Protocols)
			}
		})
	case session.Configure:
		x := l.runtime(e.Link)
		x.queue.add(func() { l.configure(x, e) })
	case session.Delete:
		x := l.runtime(e.Link)
		x.queue.add(func() {
			if s := x.of(e.Attempt); s != nil {
				x.present.Store(nil)
				if err := s.Close(); err != nil {
					l.log.Warn("interface not removed cleanly", zap.String("vpn", e.Link.VPN),
						zap.String("interface", e.Link.Interface), zap.String("reason", err.Error()))
				}
			}
		})
	case session.Forget:
		l.forget(e.Link)
	case session.Repath:
		l.path.peer = l.peer.AddrPort()
		if l.path.tunnel != nil { // otherwise it is retried at its time
			l.openPath(now)
		}
	case session.Note:
		l.note(now, e)
	}
}

// forget removes the runtime of a removed link, once its queued effects are done.
func (l *loop) forget(link *session.Link) {
	l.limiter.forget(link)
	if x := l.links[link]; x != nil {
		delete(l.links, link)
		x.queue.add(func() {
			l.daemon.interfaces.remove(x)
			close(x.gone)
		})
	}
}

// create queues the creation of a session and of its interface in the link's virtual router.
func (l *loop) create(e session.Create) {
	tunnel := l.path.tunnel
	x := l.runtime(e.Link)
	x.queue.add(func() {
		present, err := l.createSession(tunnel, e)
		if err != nil {
			l.post(func(now time.Time) { l.pair.Failed(now, e.Attempt, err, &l.out) })
			return
		}
		x.present.Store(present)
		l.post(func(now time.Time) { l.pair.Created(now, e.Attempt, &l.out) })
	})
}

func (l *loop) createSession(tunnel dataplane.Tunnel, e session.Create) (*planeSession, error) {
	if tunnel == nil {
		return nil, fmt.Errorf("no path to the peer")
	}
	router, err := l.daemon.vrs.Ensure(e.Link.VR)
	if err != nil {
		return nil, err
	}
	cfg := e.Session
	cfg.Namespace = router
	cfg.Deliver = func(frame []byte) {
		frame = append([]byte(nil), frame...)
		l.offer(func(now time.Time) { l.pair.Frame(now, e.Attempt, frame, &l.out) })
	}
	cfg.Gone = func(err error) {
		l.post(func(now time.Time) { l.pair.Failed(now, e.Attempt, err, &l.out) })
	}
	s, err := tunnel.CreateSession(cfg)
	if err != nil {
		return nil, err
	}
	return &planeSession{attempt: e.Attempt, session: s, router: router}, nil
}

// configure configures the interface of an attempt, unless the attempt has ended.
func (l *loop) configure(x *linkRuntime, e session.Configure) {
	p := x.present.Load()
	if p != nil && p.attempt == e.Attempt {
		l.configureInterface(p, e.Link, e.Interface)
	}
}

func (l *loop) configureInterface(p *planeSession, link *session.Link, c vr.Interface) {
	p.configured = c
	if err := p.router.Configure(link.Interface, c); err != nil {
		l.post(func(now time.Time) { l.pair.Failed(now, p.attempt, err, &l.out) })
		return
	}
	l.post(func(now time.Time) { l.pair.Configured(now, p.attempt, &l.out) })
}

func (l *loop) sendFrame(f session.Frame) {
	if s := l.runtime(f.Link).of(f.Attempt); s != nil {
		// An error means a lost frame, which PPP retransmits.
		_ = s.SendFrame(f.Octets)
	}
}

// note publishes a note of the machines as an event, unless the limiter suppresses it.
func (l *loop) note(now time.Time, n session.Note) {
	allowed, leftOut := l.limiter.allow(now, n)
	if !allowed {
		return
	}
	x := api.Event{Kind: api.EventKind(n.Kind), Message: n.Message, Reason: n.Reason}
	if n.Level == session.Warning {
		x.Level = api.EventWarn
	}
	if n.Link != nil {
		x.VPN, x.Interface = n.Link.VPN, n.Link.Interface
	}
	if leftOut > 0 {
		l.publish(x, zap.Int("left_out", leftOut))
	} else {
		l.publish(x)
	}
}

// publish publishes an event about the peer.
func (l *loop) publish(x api.Event, details ...zap.Field) {
	x.Peer = l.name.peer
	if l.class == config.IPsecRequired {
		x.IPsec = string(l.class)
	}
	l.daemon.events.Publish(x, details...)
}
