package daemon

import (
	"context"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/session"
)

// view is what the daemon knows of one peer and its links at one time.
type view struct {
	session.PairStatus
	Now    time.Time
	Config config.Peer
	Path   pathView
	Stats  map[session.Attempt]dataplane.Stats // of the sessions that are there
}

// pathView is what is known of the way to the peer.
type pathView struct {
	Open    bool
	Local   string // address and port
	MTU     int    // octets; 0: not known
	Err     error  // why it is not open, or what the network has said last
	ErrAt   time.Time
	RetryAt time.Time // when it is tried again; zero: it is open
	Stats   dataplane.TunnelStats
	Dropped uint64 // messages and frames for which the loop had no time
}

// view asks the loop for what it knows.
func (l *loop) view(ctx context.Context) (view, error) {
	var v view
	err := l.ask(ctx, func(now time.Time) {
		v = view{PairStatus: l.pair.Status(), Now: now, Config: l.peer, Stats: make(map[session.Attempt]dataplane.Stats)}
		p := &l.path
		v.Path = pathView{
			MTU: p.mtu, Err: p.err, ErrAt: p.errAt, RetryAt: p.retryAt, Dropped: l.dropped.Load(),
		}
		if p.tunnel != nil {
			v.Path.Open, v.Path.Local, v.Path.Stats = true, p.tunnel.LocalAddr().String(), p.tunnel.Stats()
		}
		for _, x := range l.links {
			if s := x.present.Load(); s != nil {
				v.Stats[s.attempt] = s.session.Stats()
			}
		}
	})
	return v, err
}

// views asks all loops.
func (d *Daemon) views(ctx context.Context) ([]view, error) {
	views := make([]view, 0, len(d.loops))
	for _, l := range d.loops {
		v, err := l.view(ctx)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}
