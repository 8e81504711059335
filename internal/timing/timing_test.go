package timing

import (
	"testing"
	"time"
)

func TestInterval(t *testing.T) {
	tests := []struct {
		backoff Backoff
		n       int
		want    time.Duration
	}{
		{Backoff{Min: time.Second, Max: 30 * time.Second}, 0, time.Second},
		{Backoff{Min: time.Second, Max: 30 * time.Second}, 4, 16 * time.Second},
		{Backoff{Min: time.Second, Max: 30 * time.Second}, 5, 30 * time.Second},
		{Backoff{Min: time.Second, Max: 32 * time.Second}, 5, 32 * time.Second},
		{Backoff{Min: time.Second, Max: 30 * time.Second}, 1 << 20, 30 * time.Second},
		{Backoff{Min: 3 * time.Second, Max: 3 * time.Second}, 7, 3 * time.Second},
		{Backoff{Min: time.Minute, Max: time.Second}, 0, time.Second},
		{Backoff{}, 3, 0},
	}
	for _, tt := range tests {
		if got := tt.backoff.Interval(tt.n); got != tt.want {
			t.Errorf("%+v: interval after failure %d is %v, want %v", tt.backoff, tt.n, got, tt.want)
		}
	}
}

func TestDelay(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 30 * time.Second}
	for n := range 100 {
		all := b.Interval(n)
		if got := b.Delay(n, 0); got != all/2 {
			t.Errorf("shortest delay after failure %d is %v, want %v", n, got, all/2)
		}
		if got := b.Delay(n, 1<<31); got != all*3/4 {
			t.Errorf("mean delay after failure %d is %v, want %v", n, got, all*3/4)
		}
		if got := b.Delay(n, 1<<32-1); got <= all*9/10 || got > all {
			t.Errorf("longest delay after failure %d is %v, want just under %v", n, got, all)
		}
	}
}

var epoch = time.Unix(1_000_000_000, 0)

func TestEarliest(t *testing.T) {
	var never time.Time
	soon, late := epoch, epoch.Add(time.Second)
	tests := []struct {
		name  string
		times []time.Time
		want  time.Time
	}{
		{"no times", nil, never},
		{"only zero times", []time.Time{never, never}, never},
		{"zero time first", []time.Time{never, late, soon}, soon},
		{"zero time last", []time.Time{late, soon, never}, soon},
		{"earliest first", []time.Time{soon, late}, soon},
		{"one time", []time.Time{late}, late},
	}
	for _, tt := range tests {
		if got := Earliest(tt.times...); !got.Equal(tt.want) {
			t.Errorf("%s: earliest is %v, want %v", tt.name, got, tt.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Earliest(soon, late, never) }); n != 0 {
		t.Errorf("%v allocations per call, want none", n)
	}
}

func TestDue(t *testing.T) {
	tests := []struct {
		name     string
		deadline time.Time
		want     bool
	}{
		{"timer not running", time.Time{}, false},
		{"past", epoch.Add(-1), true},
		{"now", epoch, true},
		{"future", epoch.Add(1), false},
	}
	for _, tt := range tests {
		if got := Due(tt.deadline, epoch); got != tt.want {
			t.Errorf("%s: due is %t, want %t", tt.name, got, tt.want)
		}
	}
}
