package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// pollEvery is how often --wait looks.
const pollEvery = 250 * time.Millisecond

// waitForLinks shows the links once they are up or the time is over.
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
		return &noError{fmt.Sprintf("%d of %d links not up within %v", len(missing), len(links), limit)}
	}
	return nil
}

// pollLinks fetches the links until they are all up or the time is over, and returns what it saw
// last. It tells of progress where there is any. That the daemon cannot be reached is an error at
// the end alone: it may be starting.
func pollLinks(
	ctx context.Context, fetch func(context.Context) ([]api.Link, error), limit time.Duration, tell func(string),
) ([]api.Link, error) {
	over := time.After(limit)
	told := ""
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
		} else if _, absent := errors.AsType[*api.NotReachableError](err); !absent {
			return nil, err
		}
		if progress != told {
			tell(progress)
			told = progress
		}
		select {
		case <-over:
			return links, err
		case <-time.After(pollEvery):
		}
	}
}

// notUp names the links that are not up.
func notUp(links []api.Link) []string {
	var names []string
	for _, l := range links {
		if l.State != api.LinkUp {
			names = append(names, fmt.Sprintf("%s ⇄ %s (%s)", l.VPN, l.Peer, l.State))
		}
	}
	return names
}
