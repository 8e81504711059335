package daemon

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"time"

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

// followEvents answers with events: the kept ones, and if the client wishes new ones.
func (d *Daemon) followEvents(r *http.Request) (iter.Seq[[]api.Event], error) {
	query := r.URL.Query()
	seq, from, err := parseSince(query.Get("since"))
	if err != nil {
		return nil, err
	}
	follow := false
	if text := query.Get("follow"); text != "" {
		if follow, err = strconv.ParseBool(text); err != nil {
			return nil, refused(http.StatusBadRequest, "follow is %q; want true or false", text)
		}
	}
	return d.events.Events(r.Context(), seq, from, follow), nil
}

// parseSince reads where events are to begin: after a sequence number, or at a time.
func parseSince(text string) (seq uint64, from time.Time, err error) {
	if text == "" {
		return 0, from, nil
	}
	if seq, err = strconv.ParseUint(text, 10, 64); err == nil {
		return seq, from, nil
	}
	if from, err = time.Parse(time.RFC3339, text); err != nil {
		return 0, from, refused(http.StatusBadRequest, "since is %q; want the number of an event, or a time such as 2026-07-29T14:02:11Z", text)
	}
	return 0, from, nil
}
