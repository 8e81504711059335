package main

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// formatMillis formats milliseconds with fewer decimals for longer times: "0.08 ms", "0.8 ms",
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

// formatUpFor returns the time since something came up, "3d 4h", or the reason why it is not up
// with the time since then, "refused, 12 s ago".
func formatUpFor(up bool, state, reason string, since, now time.Time) string {
	elapsed := api.DurationText(now.Sub(since))
	switch {
	case up:
		return elapsed
	case reason != "":
		return reason + ", " + elapsed + " ago"
	default:
		return state + " for " + elapsed
	}
}

// formatClock formats t as a time of day, with the date unless it is on the day of now.
func formatClock(t, now time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
