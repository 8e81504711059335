package linux

import (
	"errors"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// patience is the time after which settled gives up.
const patience = 10 * time.Second

var pauses = timing.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}

// settled lists things of the kernel, again for as long as it says that others have changed
// meanwhile, so that the list may lack some: with many links in one namespace, all of which come
// up, that is often.
func settled[T any](list func() ([]T, error)) ([]T, error) {
	spent := time.Duration(0)
	for tries := 0; ; tries++ {
		all, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) || spent > patience {
			return all, err
		}
		pause := pauses.Interval(tries)
		time.Sleep(pause)
		spent += pause
	}
}
