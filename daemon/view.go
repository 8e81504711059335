package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/session"
)

// view is what the daemon knows of one peer and its links at one time.
type view struct {
	session.PairStatus
	Now        time.Time
	Config     config.Peer // as those of its class find it
	Class      config.IPsec
	Local      netip.AddrPort // where we send from, as configured
	VICISocket string         // where strongSwan is asked
	Path       pathView
	sessions   map[session.Attempt]dataplane.Session // that are there
	Stats      map[session.Attempt]dataplane.Stats   // of them, once counted
	IPsec      *ipsec.Status                         // nil: the class is in clear
}

// pathView is what is known of the way to the peer.
type pathView struct {
	Open      bool
	Protected bool   // IPsec protects it, or drops what it cannot
	Local     string // address and port
	MTU       int    // octets; 0: not known
	ESP       int    // what ESP takes of that
	Err       error  // why it is not open
	Hint      error  // what the network has reported last of what we sent, not long ago; it proves nothing
	HintAt    time.Time
	RetryAt   time.Time // when it is tried again; zero: it is open
	Stats     dataplane.TunnelStats
	Dropped   uint64 // messages and frames for which the loop had no time
	TooLong   uint64 // messages dropped for their length
	Unasked   uint64 // control messages dropped, as the peer is static

	ForeignPort uint64 // messages dropped as they came from another port than the peer's
}

// hintAge is for how long a report of the network is of interest.
const hintAge = 2 * time.Minute

// viewTimeout is how long a loop may take to tell of itself. It takes microseconds, unless it is
// flooded.
const viewTimeout = time.Second

// view asks the loop for what it knows. One that is too busy to answer is represented by what it
// has told last.
func (l *loop) view(ctx context.Context) (view, error) {
	asked, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	v, err := ask(asked, l, l.look)
	switch last := l.last.Load(); {
	case err == nil:
		if l.protection != nil {
			v.IPsec = l.protection.status(ctx, l.daemon.guard)
		}
		l.last.Store(&v)
	case errors.Is(err, context.DeadlineExceeded) && last != nil:
		return *last, nil
	case errors.Is(err, context.DeadlineExceeded):
		return v, fmt.Errorf("the loop of peer %s is overloaded: it has not answered for %v", l.name.peer, viewTimeout)
	}
	return v, err
}

// look is the view from within the loop.
func (l *loop) look(now time.Time) view {
	v := view{PairStatus: l.pair.Status(), Now: now, Config: l.peer, Class: l.class, Local: l.local, VICISocket: l.daemon.cfg().Local.VICISocket, sessions: make(map[session.Attempt]dataplane.Session)}
	p := &l.path
	v.Path = pathView{
		MTU: p.mtu, Err: p.err, RetryAt: p.retryAt, Dropped: l.dropped.Load(), TooLong: l.tooLong.Load(), Unasked: l.unasked.Load(),
		ForeignPort: l.foreignPort.Load(),
	}
	if p.hint != nil && now.Sub(p.hintAt) < hintAge {
		v.Path.Hint, v.Path.HintAt = p.hint, p.hintAt
	}
	v.Path.ESP = p.mtu - l.room(p.mtu)
	v.Path.Protected = l.protection != nil && l.protection.stands
	if p.tunnel != nil {
		v.Path.Open, v.Path.Local, v.Path.Stats = true, addressOf(p.tunnel), p.tunnel.Stats()
	}
	for _, x := range l.links {
		if s := x.present.Load(); s != nil {
			v.sessions[s.attempt] = s.session
		}
	}
	return v
}

// count has the data plane count what the sessions have passed. With thousands of them that takes a
// while: it is not for the loop, nor for answers that do not tell.
func (v *view) count() {
	v.Stats = make(map[session.Attempt]dataplane.Stats, len(v.sessions))
	for attempt, s := range v.sessions {
		v.Stats[attempt] = s.Stats()
	}
}

// countedViews are views with their counts.
func (d *Daemon) countedViews(ctx context.Context) ([]view, error) {
	views, err := d.views(ctx)
	for i := range views {
		views[i].count()
	}
	return views, err
}

// views asks all loops at once.
func (d *Daemon) views(ctx context.Context) ([]view, error) {
	loops := d.loops()
	views, errs := make([]view, len(loops)), make([]error, len(loops))
	var asked sync.WaitGroup
	for i, l := range loops {
		asked.Go(func() { views[i], errs[i] = l.view(ctx) })
	}
	asked.Wait()
	if slices.Contains(errs, errOver) && ctx.Err() == nil && !slices.Equal(loops, d.loops()) {
		return d.views(ctx) // the configuration was changed meanwhile
	}
	return views, errors.Join(errs...)
}
