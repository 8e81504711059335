package main

import (
	"testing"
	"time"
)

func TestFormatDuration(t *testing.T) {
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
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestFormatMillis(t *testing.T) {
	for ms, want := range map[float64]string{
		0: "0.00 ms", 0.08: "0.08 ms", 0.84: "0.8 ms", 9.94: "9.9 ms", 12.3: "12 ms", 1500: "1500 ms",
	} {
		if got := formatMillis(ms); got != want {
			t.Errorf("formatMillis(%v) = %q, want %q", ms, got, want)
		}
	}
}
