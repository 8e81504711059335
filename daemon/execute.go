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

// execution is what of a link is there in the outside world.
type execution struct {
	loop    *loop
	link    *session.Link
	queue   queue
	present atomic.Pointer[presence] // written by the queue's jobs alone
	gone    chan struct{}            // closed when the link is no more, and nothing of it is there
}

// presence is a session of the data plane.
type presence struct {
	attempt session.Attempt
	session dataplane.Session
	router  Router

	// For the queue's jobs alone: what the interface was last made, and whether somebody has set it
	// down since.
	configured vr.Interface
	setDown    bool
}

// isUp reports whether the interface is set up, as far as the queue's jobs know.
func (p *presence) isUp() bool { return p.configured.Up && !p.setDown }

// of returns the session of an attempt, or nil if it is not there.
func (x *execution) of(a session.Attempt) dataplane.Session {
	if p := x.present.Load(); p != nil && p.attempt == a {
		return p.session
	}
	return nil
}

func (l *loop) execution(link *session.Link) *execution {
	x := l.links[link]
	if x == nil {
		x = &execution{loop: l, link: link, queue: queue{executor: l.daemon.executor}, gone: make(chan struct{})}
		l.links[link] = x
		l.daemon.interfaces.add(x)
	}
	return x
}

// execute carries out an effect, or queues it if it may block.
func (l *loop) execute(now time.Time, effect session.Effect) {
	switch e := effect.(type) {
	case session.Create:
		l.create(e)
	case session.Open:
		x := l.execution(e.Link)
		x.queue.add(func() {
			if s := x.of(e.Attempt); s != nil {
				s.SetOpen(e.Protocols)
			}
		})
	case session.Configure:
		x := l.execution(e.Link)
		x.queue.add(func() { l.configure(x, e) })
	case session.Delete:
		x := l.execution(e.Link)
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
		if l.path.tunnel != nil { // else it is tried again in its own time
			l.openPath(now)
		}
	case session.Note:
		l.note(now, e)
	}
}

// forget lets go of a link that is no more, behind what was queued for it.
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

// create makes the session and its interface in the link's virtual router.
func (l *loop) create(e session.Create) {
	tunnel := l.path.tunnel
	x := l.execution(e.Link)
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

func (l *loop) createSession(tunnel dataplane.Tunnel, e session.Create) (*presence, error) {
	if tunnel == nil {
		return nil, fmt.Errorf("there is no path to the peer")
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
	return &presence{attempt: e.Attempt, session: s, router: router}, nil
}

// configure makes the interface as the link wants it.
func (l *loop) configure(x *execution, e session.Configure) {
	p := x.present.Load()
	if p != nil && p.attempt == e.Attempt {
		l.configureNow(p, e.Link, e.Interface)
	}
}

func (l *loop) configureNow(p *presence, link *session.Link, c vr.Interface) {
	p.configured = c
	if err := p.router.Configure(link.Interface, c); err != nil {
		l.post(func(now time.Time) { l.pair.Failed(now, p.attempt, err, &l.out) })
		return
	}
	l.post(func(now time.Time) { l.pair.Configured(now, p.attempt, &l.out) })
}

func (l *loop) sendFrame(f session.Frame) {
	if s := l.execution(f.Link).of(f.Attempt); s != nil {
		// An error is a lost frame, which PPP sends again.
		_ = s.SendFrame(f.Octets)
	}
}

// note writes to the log, unless a peer makes us repeat ourselves too often.
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
