package api

import (
	"fmt"
	"time"
)

// DurationText formats a duration in its one or two largest units, rounded down: "3d 4h", "5 min",
// "12 s", "0.4 s". Durations below 0.1 s are "0 s".
func DurationText(d time.Duration) string {
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

// twoUnits formats d in the units large and small, "3d 4h", or in large alone, "3 d", if the
// remainder is less than one small unit. aloneName is the name of large without small.
func twoUnits(d, large time.Duration, aloneName, largeName string, small time.Duration, smallName string) string {
	if rest := d % large / small; rest > 0 {
		return fmt.Sprintf("%d%s %d%s", d/large, largeName, rest, smallName)
	}
	return fmt.Sprintf("%d %s", d/large, aloneName)
}
