package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/session"
)

// hintAge is how long an ICMP error is shown after it was received.
const hintAge = 2 * time.Minute

// viewTimeout is how long to wait for a loop's view. A loop answers within microseconds, unless
// messages flood it.
const viewTimeout = time.Second

// view returns the present view of the loop, or its latest one if the loop is too busy to answer.
func (l *loop) view(ctx context.Context) (report.View, error) {
	limited, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	v, err := ask(limited, l, l.look)
	switch last := l.last.Load(); {
	case err == nil:
		if l.protection != nil {
			v.IPsec = l.protection.status(ctx, l.daemon.guard)
		}
		l.last.Store(&v)
	case errors.Is(err, context.DeadlineExceeded) && last != nil:
		return *last, nil
	case errors.Is(err, context.DeadlineExceeded):
		return v, fmt.Errorf("the loop of peer %s is overloaded: no answer within %v", l.name.peer, viewTimeout)
	}
	return v, err
}

// look returns the loop's view. It runs in the loop.
func (l *loop) look(now time.Time) report.View {
	v := report.View{
		PairStatus: l.pair.Status(), Now: now, Config: l.peer, Class: l.class, Local: l.local,
		VICISocket: l.daemon.cfg().Local.VICISocket, Sessions: make(map[session.Attempt]dataplane.Session),
	}
	p := &l.path
	v.Path = report.Path{
		MTU: p.mtu, Err: p.err, RetryAt: p.retryAt, Dropped: l.dropped.Load(), TooLong: l.tooLong.Load(), StaticControl: l.unexpected.Load(),
		ForeignPort: l.foreignPort.Load(),
	}
	if errors.As(p.err, new(*notProtectedError)) {
		v.Path.NotProtected = p.err
	}
	if p.hint != nil && now.Sub(p.hintAt) < hintAge {
		v.Path.Hint, v.Path.HintAt = p.hint, p.hintAt
	}
	v.Path.ESP = p.mtu - l.room(p.mtu)
	v.Path.Protected = l.protection != nil && l.protection.inPlace
	if p.tunnel != nil {
		v.Path.Open, v.Path.Local, v.Path.Stats = true, localText(p.tunnel), p.tunnel.Stats()
	}
	for _, x := range l.links {
		if s := x.present.Load(); s != nil {
			v.Sessions[s.attempt] = s.session
		}
	}
	return v
}

// views returns the views of all loops, which it asks at once.
func (d *Daemon) views(ctx context.Context) ([]report.View, error) {
	loops := d.loops()
	views, errs := make([]report.View, len(loops)), make([]error, len(loops))
	var asking sync.WaitGroup
	for i, l := range loops {
		asking.Go(func() { views[i], errs[i] = l.view(ctx) })
	}
	asking.Wait()
	if slices.Contains(errs, errEnded) && ctx.Err() == nil && !slices.Equal(loops, d.loops()) {
		return d.views(ctx) // the configuration was changed meanwhile
	}
	return views, errors.Join(errs...)
}

// countedViews returns views with the counters of their sessions.
func (d *Daemon) countedViews(ctx context.Context) ([]report.View, error) {
	views, err := d.views(ctx)
	for i := range views {
		views[i].Count()
	}
	return views, err
}

// snapshot returns the daemon as a whole, with counted views.
func (d *Daemon) snapshot(ctx context.Context) (report.Snapshot, error) {
	views, err := d.countedViews(ctx)
	return report.Snapshot{
		Version: d.version, HostName: d.cfg().Local.HostName, Started: d.started,
		DataPlane: d.plane.Name(), DataPlaneReason: d.explainPlane(), Drops: d.drops(), Views: views,
	}, err
}

// drops returns the datagrams that were dropped before they reached a loop, by reason.
func (d *Daemon) drops() map[string]uint64 {
	drops := d.listeners.Drops()
	drops[control.DropRate.String()] = d.admission.Refused()
	return drops
}
