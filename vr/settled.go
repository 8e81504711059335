package vr

import (
	"errors"
	"time"

	"github.com/vishvananda/netlink"
)

// The pauses between attempts, and their sum.
const (
	shortestPause = time.Millisecond
	longestPause  = 50 * time.Millisecond
	patience      = 10 * time.Second
)

// settled lists things of the kernel, again for as long as it says that others have changed
// meanwhile, so that the list may lack some: with many links in one namespace, all of which come
// up, that is often.
func settled[T any](list func() ([]T, error)) ([]T, error) {
	pause := shortestPause
	for spent := time.Duration(0); ; spent += pause {
		all, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) || spent > patience {
			return all, err
		}
		time.Sleep(pause)
		pause = min(2*pause, longestPause)
	}
}
