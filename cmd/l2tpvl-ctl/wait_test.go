package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// answer is the daemon's answer from a time after the start of the test on.
type answer struct {
	from  time.Duration
	links []api.Link
	err   error
}

func TestPollLinks(t *testing.T) {
	absent := &api.NotReachableError{Socket: "/run/s", Err: errors.New("connect: no such file or directory")}
	broken := &api.StatusError{Code: 500, Message: "no"}
	link := func(vpn string, s api.LinkState) api.Link { return api.Link{VPN: vpn, Peer: "pe2", State: s} }
	allUp := []api.Link{link("red", api.LinkUp), link("blue", api.LinkUp)}
	oneUp := []api.Link{link("red", api.LinkUp), link("blue", api.LinkStarting)}
	noneUp := []api.Link{link("red", api.LinkStarting), link("blue", api.LinkDown)}

	const limit = 10 * time.Second
	for _, test := range []struct {
		name     string
		answers  []answer
		links    []api.Link
		err      error
		reported []string
		took     time.Duration
	}{
		{name: "all links are up", answers: []answer{{0, allUp, nil}}, links: allUp},
		{name: "no links", answers: []answer{{0, nil, nil}}},
		{
			name: "the daemon starts, then the links come up one by one",
			answers: []answer{
				{0, nil, absent},
				{time.Second, noneUp, nil},
				{2 * time.Second, oneUp, nil},
				{3*time.Second + time.Millisecond, allUp, nil},
			},
			links: allUp,
			reported: []string{
				"waiting for l2tpvld",
				"0 of 2 links up, waiting for red ⇄ pe2 (starting), blue ⇄ pe2 (down)",
				"1 of 2 links up, waiting for blue ⇄ pe2 (starting)",
			},
			took: 3*time.Second + pollEvery,
		},
		{
			name:     "the time limit is over",
			answers:  []answer{{0, oneUp, nil}},
			links:    oneUp,
			reported: []string{"1 of 2 links up, waiting for blue ⇄ pe2 (starting)"},
			took:     limit,
		},
		{
			name:     "the daemon does not start",
			answers:  []answer{{0, nil, absent}},
			err:      absent,
			reported: []string{"waiting for l2tpvld"},
			took:     limit,
		},
		{name: "the daemon answers with an error", answers: []answer{{0, nil, broken}}, err: broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				fetch := func(context.Context) ([]api.Link, error) {
					var now answer
					for _, a := range test.answers {
						if time.Since(start) >= a.from {
							now = a
						}
					}
					return now.links, now.err
				}
				var reported []string
				links, err := pollLinks(t.Context(), fetch, limit, func(s string) { reported = append(reported, s) })
				if !errors.Is(err, test.err) {
					t.Errorf("error %v, want %v", err, test.err)
				}
				if notUp, want := notUp(links), notUp(test.links); len(links) != len(test.links) || !slices.Equal(notUp, want) {
					t.Errorf("links %v, want %v", links, test.links)
				}
				if !slices.Equal(reported, test.reported) {
					t.Errorf("reported %q, want %q", reported, test.reported)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
			})
		})
	}
}
