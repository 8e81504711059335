package main

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// formatMillis writes a number of milliseconds with as many digits as matter: "0.08 ms", "0.8 ms",
// "12 ms".
func formatMillis(ms float64) string {
	digits := 0
	switch {
	case ms < 0.1:
		digits = 2
	case ms < 10:
		digits = 1
	}
	return fmt.Sprintf("%.*f ms", digits, ms)
}

// formatUpFor says since when something is up, "3d 4h", or why it is not and since when, "refused,
// 12 s ago".
func formatUpFor(up bool, state, reason string, since, now time.Time) string {
	lasted := api.DurationText(now.Sub(since))
	switch {
	case up:
		return lasted
	case reason != "":
		return reason + ", " + lasted + " ago"
	default:
		return state + " for " + lasted
	}
}

// formatClock writes a time of day, with the date if it is another day than today's.
func formatClock(t, now time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
