package main

import "testing"

func TestFormatMillis(t *testing.T) {
	for ms, want := range map[float64]string{
		0: "0.00 ms", 0.08: "0.08 ms", 0.84: "0.8 ms", 9.94: "9.9 ms", 12.3: "12 ms", 1500: "1500 ms",
	} {
		if got := formatMillis(ms); got != want {
			t.Errorf("formatMillis(%v) = %q, want %q", ms, got, want)
		}
	}
}
