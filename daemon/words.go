package daemon

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func plural(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return api.DurationText(now.Sub(then)) + " ago"
}
