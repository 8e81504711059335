package daemon

import (
	"context"
	"net/http"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/report"
)

// fromViews is a handler that answers from the views of all loops, as views returns them.
func fromViews[Out any](views func(context.Context) ([]report.View, error), answer func([]report.View) Out) func(*http.Request) (Out, error) {
	return func(r *http.Request) (out Out, err error) {
		all, err := views(r.Context())
		if err != nil {
			return out, err
		}
		return answer(all), nil
	}
}

// status answers how the daemon as a whole is.
func (d *Daemon) status(r *http.Request) (api.Status, error) {
	s, err := d.snapshot(r.Context())
	if err != nil {
		return api.Status{}, err
	}
	return report.Status(s), nil
}

// vpns compares the VPN-IDs configured at both ends.
func (d *Daemon) vpns(r *http.Request) ([]api.VPN, error) {
	return fromViews(d.views, func(views []report.View) []api.VPN { return report.VPNs(views, d.cfg().VPNs) })(r)
}

// explain answers why the link of a VPN to a peer is as it is.
func (d *Daemon) explain(r *http.Request) (api.Explanation, error) {
	vpn, peer := r.PathValue("vpn"), r.PathValue("peer")
	var views []report.View // of all classes
	for _, l := range d.loops() {
		if l.name.peer == peer {
			v, err := l.view(r.Context())
			if err != nil {
				return api.Explanation{}, err
			}
			views = append(views, v)
		}
	}
	if views == nil {
		return api.Explanation{}, notFound("no peer %q is configured here", peer)
	}
	x, found := report.Explain(views, vpn)
	if !found {
		return x, notFound("no link of VPN %q to peer %s is configured here", vpn, peer)
	}
	return x, nil
}
