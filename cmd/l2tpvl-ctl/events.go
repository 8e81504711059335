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

// eventsFollowed is how many of the events that there are come before those that are followed,
// unless --since says it.
const eventsFollowed = 10

func (a *app) eventsCommand() *cobra.Command {
	var w watcher
	var since string
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Say what has happened, and what happens",
		Long: `Say what has happened since the daemon has started: links and control connections up and down, and why; calls that were
refused; virtual routers that were deleted; the configuration read again. The daemon keeps the last 4,096 events.

With --follow it goes on with what happens, until Ctrl-C, and waits for a daemon that is restarted. With -o json each event is a
line.`,
		Example: `  l2tpvl-ctl events
  l2tpvl-ctl events --since 10m --vpn red
  l2tpvl-ctl events --follow --kind link-up --kind link-down
  l2tpvl-ctl events --since 2026-07-29T14:00:00Z -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.BoolVarP(&w.follow, "follow", "f", false, "go on with what happens")
	flags.StringVar(&since, "since", "", "only events from this `time` on: a duration before now, a time, or the number of the event before")
	flags.IntVarP(&w.last, "last", "n", 0, "only this `number` of those there are, the last ones; 0: all")
	flags.StringVar(&w.vpn, "vpn", "", "only events of the links of this `VPN`")
	flags.StringVar(&w.peer, "peer", "", "only events of this `peer`")
	flags.StringArrayVar(&w.kinds, "kind", nil, "only events of this `kind`, such as link-down; may be given several times")
	for name, complete := range map[string]cobra.CompletionFunc{"vpn": completion(a.listVPNs), "peer": completion(a.listPeers)} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // it fails for flags that do not exist alone
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if w.from, err = parseSince(since, a.now()); err != nil {
			return err
		}
		if w.follow && since == "" && !cmd.Flags().Changed("last") {
			w.last = eventsFollowed
		}
		return a.watch(cmd.Context(), &w)
	}
	return cmd
}

// parseSince reads --since: "10m", "2026-07-29T14:00:00Z", "14:00", "1790172131000042".
func parseSince(text string, now time.Time) (api.EventsWanted, error) {
	if text == "" {
		return api.EventsWanted{}, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return api.EventsWanted{After: n}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return api.EventsWanted{Since: now.Add(-d)}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return api.EventsWanted{Since: t}, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil { // of today
			t = t.AddDate(now.Year(), int(now.Month())-1, now.Day()-1)
			return api.EventsWanted{Since: t}, nil
		}
	}
	return api.EventsWanted{}, &valueError{fmt.Sprintf("--since %q is no time: want such as 10m, 14:30, 2026-07-29T14:00:00Z, or the number of an event", text)}
}

// watcher is which events are asked for.
type watcher struct {
	from      api.EventsWanted
	last      int
	follow    bool
	vpn, peer string
	kinds     []string
}

func (w *watcher) wants(e *api.Event) bool {
	return (w.vpn == "" || e.VPN == w.vpn) && (w.peer == "" || e.Peer == w.peer) &&
		(len(w.kinds) == 0 || slices.Contains(w.kinds, string(e.Kind)))
}

// watch shows the events there are, and then those to come.
func (a *app) watch(ctx context.Context, w *watcher) error {
	var there []api.Event
	seen := w.from.After
	for e, err := range a.client().Events(ctx, w.from) {
		if err != nil {
			return err
		}
		seen = e.Seq
		if w.wants(&e) {
			there = append(there, e)
		}
	}
	if w.last > 0 {
		there = there[max(0, len(there)-w.last):]
	}
	for _, e := range there {
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
		if _, gone := errors.AsType[*api.NotReachableError](err); !gone {
			return err
		}
		fmt.Fprintln(a.stderr, "l2tpvl-ctl: l2tpvld has ended; waiting for it")
		a.awaitDaemon(ctx)
	}
}

// follow shows the events after number seen until they end, which is an error, or ctx does.
func (a *app) follow(ctx context.Context, w *watcher, seen *uint64) error {
	first := true
	for e, err := range a.client().Events(ctx, api.EventsWanted{After: *seen, Follow: true}) {
		if err != nil {
			return err
		}
		if missed := e.Seq - *seen - 1; missed > 0 && !first { // a restarted daemon has numbers of its own
			fmt.Fprintf(a.stderr, "l2tpvl-ctl: %d events were too many at once, and are left out\n", missed)
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
		if _, absent := errors.AsType[*api.NotReachableError](err); !absent {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

// renderEvent is an event in a line, without its end.
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
	kind := pad(s.text(string(e.Kind)), 17) // the longest but one
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
