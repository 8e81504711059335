package api

import (
	"fmt"
	"time"
)

// DurationText writes a duration in its one or two greatest units: "3d 4h", "5 min", "12 s", "0.4
// s".
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

// twoUnits writes d in the unit great and the unit small, "3d 4h", or in great alone, "3 d", if no
// small ones are left.
func twoUnits(d, great time.Duration, greatAlone, greatName string, small time.Duration, smallName string) string {
	if left := d % great / small; left > 0 {
		return fmt.Sprintf("%d%s %d%s", d/great, greatName, left, smallName)
	}
	return fmt.Sprintf("%d %s", d/great, greatAlone)
}
