package main

import (
	"fmt"
	"time"
)

// formatDuration writes a duration in its one or two greatest units: "3d 4h", "5 min", "12 s", "0.4 s".
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second/10:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("0.%d s", d/(time.Second/10))
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return twoUnits(d, time.Minute, "min", "m", time.Second, "s")
	case d < day:
		return twoUnits(d, time.Hour, "h", "h", time.Minute, "m")
	default:
		return twoUnits(d, day, "d", "d", time.Hour, "h")
	}
}

// twoUnits writes d in the unit great and the unit small, "3d 4h", or in great alone, "3 d", if no small ones are left.
func twoUnits(d, great time.Duration, greatAlone, greatName string, small time.Duration, smallName string) string {
	if left := d % great / small; left > 0 {
		return fmt.Sprintf("%d%s %d%s", d/great, greatName, left, smallName)
	}
	return fmt.Sprintf("%d %s", d/great, greatAlone)
}

// formatMillis writes a number of milliseconds with as many digits as matter: "0.08 ms", "0.8 ms", "12 ms".
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

// formatUpFor says since when something is up, "3d 4h", or why it is not and since when, "refused, 12 s ago".
func formatUpFor(up bool, state, reason string, since, now time.Time) string {
	lasted := formatDuration(now.Sub(since))
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
