package api

import (
	"testing"
	"time"
)

func TestDurationText(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second:                 "0 s",
		99 * time.Millisecond:        "0 s",
		400 * time.Millisecond:       "0.4 s",
		999 * time.Millisecond:       "0.9 s",
		time.Second:                  "1 s",
		12*time.Second + 900_000_000: "12 s",
		5 * time.Minute:              "5 min",
		5*time.Minute + time.Second:  "5m 1s",
		2 * time.Hour:                "2 h",
		2*time.Hour + 59*time.Second: "2 h",
		2*time.Hour + time.Minute:    "2h 1m",
		3 * day:                      "3 d",
		3*day + 4*time.Hour:          "3d 4h",
		400*day + 23*time.Hour:       "400d 23h",
	} {
		if got := DurationText(d); got != want {
			t.Errorf("DurationText(%v) = %q, want %q", d, got, want)
		}
	}
}
