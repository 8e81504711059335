package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// pollEvery is the interval between two requests of --wait.
const pollEvery = 250 * time.Millisecond

// waitForLinks shows the links once they are all up or the time limit is over.
func (a *app) waitForLinks(
	ctx context.Context, fetch func(context.Context) ([]api.Link, error), limit time.Duration,
) error {
	links, err := pollLinks(ctx, fetch, limit, func(progress string) {
		fmt.Fprintln(a.stderr, a.style().text(progress))
	})
	if err != nil {
		return err
	}
	if err := show(a, links, renderLinks); err != nil {
		return err
	}
	if missing := notUp(links); len(missing) > 0 {
		return &negativeError{fmt.Sprintf("%d of %d links not up within %v", len(missing), len(links), limit)}
	}
	return nil
}

// pollLinks fetches the links until they are all up or the time limit is over, and returns the last
// result. It calls report whenever the progress changes. An unreachable daemon is an error only at
// the end, because it may be starting.
func pollLinks(
	ctx context.Context, fetch func(context.Context) ([]api.Link, error), limit time.Duration, report func(string),
) ([]api.Link, error) {
	over := time.After(limit)
	reported := ""
	for {
		links, err := fetch(ctx)
		progress := "waiting for l2tpvld"
		if err == nil {
			missing := notUp(links)
			if len(missing) == 0 {
				return links, nil
			}
			progress = fmt.Sprintf("%d of %d links up, waiting for %s",
				len(links)-len(missing), len(links), strings.Join(missing, ", "))
		} else if _, unreachable := errors.AsType[*api.NotReachableError](err); !unreachable {
			return nil, err
		}
		if progress != reported {
			report(progress)
			reported = progress
		}
		select {
		case <-over:
			return links, err
		case <-time.After(pollEvery):
		}
	}
}

// notUp returns the names and states of the links that are not up.
func notUp(links []api.Link) []string {
	var names []string
	for _, l := range links {
		if l.State != api.LinkUp {
			names = append(names, fmt.Sprintf("%s ⇄ %s (%s)", l.VPN, l.Peer, l.State))
		}
	}
	return names
}
