package linux

import (
	"errors"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// patience is the time after which dump gives up.
const patience = 10 * time.Second

var pauses = timing.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}

// dump returns the kernel's list of some objects. It repeats list while the kernel reports that the
// objects changed during the dump, so that the list may be incomplete. That is frequent while many
// links in one namespace come up.
func dump[T any](list func() ([]T, error)) ([]T, error) {
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
