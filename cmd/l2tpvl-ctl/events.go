package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// lastBeforeFollow is how many past events --follow shows first, without --since and --last.
const lastBeforeFollow = 10

func (a *app) eventsCommand() *cobra.Command {
	var w watcher
	var since string
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show recent events and follow new ones",
		Long: `Show the events since l2tpvld started: links and control connections that went up or down, with the
reason, refused session requests, deleted virtual routers, changes of the configuration, and others.
l2tpvld keeps the last 4,096 events.

With --follow, show the last 10 events and then new ones until Ctrl-C. If l2tpvld restarts, wait for
it and continue.

With -o json, each event is a JSON object on a line of its own.`,
		Example: `  l2tpvl-ctl events
  l2tpvl-ctl events --since 10m --vpn red
  l2tpvl-ctl events --follow --kind link-up --kind link-down
  l2tpvl-ctl events --since 2026-07-29T14:00:00Z -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.BoolVarP(&w.follow, "follow", "f", false, "continue with new events, until Ctrl-C")
	flags.StringVar(&since, "since", "", "only events after this `time`: a duration before now, a time, or an event's number")
	flags.IntVarP(&w.last, "last", "n", 0, "only the last `number` of past events; 0: all")
	flags.StringVar(&w.vpn, "vpn", "", "only events of links of this `VPN`")
	flags.StringVar(&w.peer, "peer", "", "only events of this `peer`")
	flags.StringArrayVar(&w.kinds, "kind", nil, "only events of this `kind`, such as link-down; may be given several times")
	for name, complete := range map[string]cobra.CompletionFunc{"vpn": completion(a.listVPNs), "peer": completion(a.listPeers)} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // the error is for unknown flags only
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if w.from, err = parseSince(since, a.now()); err != nil {
			return err
		}
		if w.follow && since == "" && !cmd.Flags().Changed("last") {
			w.last = lastBeforeFollow
		}
		return a.watch(cmd.Context(), &w)
	}
	return cmd
}

// parseSince parses the value of --since, such as "10m", "2026-07-29T14:00:00Z", "14:00" or
// "1790172131000042".
func parseSince(text string, now time.Time) (api.EventQuery, error) {
	if text == "" {
		return api.EventQuery{}, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return api.EventQuery{After: n}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return api.EventQuery{Since: now.Add(-d)}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return api.EventQuery{Since: t}, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil { // of today
			t = t.AddDate(now.Year(), int(now.Month())-1, now.Day()-1)
			return api.EventQuery{Since: t}, nil
		}
	}
	return api.EventQuery{}, &valueError{fmt.Sprintf("--since %q is not a time; want, for example, 10m, 14:30, 2026-07-29T14:00:00Z or the number of an event", text)}
}

// watcher selects the events to show.
type watcher struct {
	from      api.EventQuery
	last      int // how many past events; 0: all
	follow    bool
	vpn, peer string
	kinds     []string
}

func (w *watcher) wants(e *api.Event) bool {
	return (w.vpn == "" || e.VPN == w.vpn) && (w.peer == "" || e.Peer == w.peer) &&
		(len(w.kinds) == 0 || slices.Contains(w.kinds, string(e.Kind)))
}

// watch shows past events and, if w.follow is set, new ones.
func (a *app) watch(ctx context.Context, w *watcher) error {
	var past []api.Event
	seen := w.from.After
	for e, err := range a.client().Events(ctx, w.from) {
		if err != nil {
			return err
		}
		seen = e.Seq
		if w.wants(&e) {
			past = append(past, e)
		}
	}
	if w.last > 0 {
		past = past[max(0, len(past)-w.last):]
	}
	for _, e := range past {
		if err := showOne(a, e, renderEvent); err != nil {
			return err
		}
	}
	if !w.follow {
		return nil
	}
	for {
		err := a.follow(ctx, w, &seen)
		if ctx.Err() != nil {
			return nil
		}
		if _, unreachable := errors.AsType[*api.NotReachableError](err); !unreachable {
			return err
		}
		fmt.Fprintln(a.stderr, "l2tpvl-ctl: connection to l2tpvld lost; waiting for l2tpvld")
		a.awaitDaemon(ctx)
	}
}

// follow shows the events after number seen until ctx is done or the stream ends, which is an
// error.
func (a *app) follow(ctx context.Context, w *watcher, seen *uint64) error {
	first := true
	for e, err := range a.client().Events(ctx, api.EventQuery{After: *seen, Follow: true}) {
		if err != nil {
			return err
		}
		if missed := e.Seq - *seen - 1; missed > 0 && !first { // after a restart the numbers leap
			fmt.Fprintf(a.stderr, "l2tpvl-ctl: %d events missing: too many at once\n", missed)
		}
		first, *seen = false, e.Seq
		if w.wants(&e) {
			if err := showOne(a, e, renderEvent); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitDaemon returns when the daemon answers, or ctx is done.
func (a *app) awaitDaemon(ctx context.Context) {
	for ctx.Err() == nil {
		_, err := a.client().Status(ctx)
		if _, unreachable := errors.AsType[*api.NotReachableError](err); !unreachable {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

// renderEvent renders an event as one line, without a line feed.
func renderEvent(e api.Event, now time.Time, s style) string {
	when := e.Time.In(now.Location()).Format(time.DateTime)
	if s.wide {
		when = strconv.FormatUint(e.Seq, 10) + "  " + e.Time.In(now.Location()).Format("2006-01-02 15:04:05.000")
	}
	about := e.Peer
	if e.VPN != "" {
		about = e.VPN + " ⇄ " + e.Peer
	}
	text := e.Message
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	for i, key := range slices.Sorted(maps.Keys(e.Details)) {
		text += []string{", ", " "}[min(i, 1)] + key + "=" + e.Details[key]
	}
	pad := func(text string, width int) string { return text + spaces(width-displayWidth(text)) }
	kind := pad(s.text(string(e.Kind)), 17) // as wide as most kinds
	return s.text(when) + "  " + s.paint(eventColour(e), kind) + "  " + pad(s.text(cmp.Or(about, "-")), 14) + "  " + s.text(text)
}

func eventColour(e api.Event) colour {
	switch {
	case e.Level == api.EventError:
		return red
	case e.Level == api.EventWarn:
		return yellow
	case strings.HasSuffix(string(e.Kind), "-up"):
		return green
	}
	return none
}
