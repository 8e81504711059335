package daemon

import (
	"context"
	"iter"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
	"github.com/l2tpvl/l2tpvl/daemon/report"
)

var _ rest.Backend = (*Daemon)(nil)

// Status implements rest.Backend.
func (d *Daemon) Status(ctx context.Context) (api.Status, error) {
	s, err := d.snapshot(ctx)
	if err != nil {
		return api.Status{}, err
	}
	return report.Status(s), nil
}

// Links implements rest.Backend.
func (d *Daemon) Links(ctx context.Context) ([]api.Link, error) {
	return answer(ctx, d.views, report.Links)
}

// Peers implements rest.Backend.
func (d *Daemon) Peers(ctx context.Context) ([]api.Peer, error) {
	return answer(ctx, d.views, report.Peers)
}

// Protections implements rest.Backend.
func (d *Daemon) Protections(ctx context.Context) ([]api.Protection, error) {
	return answer(ctx, d.views, report.Protections)
}

// Sessions implements rest.Backend.
func (d *Daemon) Sessions(ctx context.Context) ([]api.Session, error) {
	return answer(ctx, d.countedViews, report.Sessions)
}

// VPNs implements rest.Backend.
func (d *Daemon) VPNs(ctx context.Context) ([]api.VPN, error) {
	return answer(ctx, d.views, func(views []report.View) []api.VPN { return report.VPNs(views, d.cfg().VPNs) })
}

// MTUs implements rest.Backend.
func (d *Daemon) MTUs(ctx context.Context) ([]api.MTU, error) {
	return answer(ctx, d.views, report.MTUs)
}

// answer makes an answer from views of all loops.
func answer[T any](ctx context.Context, views func(context.Context) ([]report.View, error), from func([]report.View) T) (out T, err error) {
	all, err := views(ctx)
	if err != nil {
		return out, err
	}
	return from(all), nil
}

// Explain implements rest.Backend.
func (d *Daemon) Explain(ctx context.Context, vpn, peer string) (api.Explanation, error) {
	var views []report.View // of all classes
	for _, l := range d.loops() {
		if l.name.peer == peer {
			v, err := l.view(ctx)
			if err != nil {
				return api.Explanation{}, err
			}
			views = append(views, v)
		}
	}
	if views == nil {
		return api.Explanation{}, rest.NotFound("no peer %q is configured here", peer)
	}
	x, found := report.Explain(views, vpn)
	if !found {
		return x, rest.NotFound("no link of VPN %q to peer %s is configured here", vpn, peer)
	}
	return x, nil
}

// Events implements rest.Backend.
func (d *Daemon) Events(ctx context.Context, seq uint64, from time.Time, follow bool) iter.Seq[[]api.Event] {
	return d.events.Events(ctx, seq, from, follow)
}
