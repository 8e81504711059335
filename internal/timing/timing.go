// Package timing computes deadlines and back-off times for code that keeps its timers as data.
//
// [Backoff] spaces the attempts of something that fails; [Earliest] and [Due] treat the zero time
// as a timer that does not run. The package reads no clock and draws no random numbers: callers
// pass both. It starts no timers and never sleeps.
package timing

import "time"

// Backoff is an exponential back-off: the interval after the first failure is Min, and doubles with
// each further failure up to Max.
type Backoff struct{ Min, Max time.Duration }

// Interval returns the time to wait after failure number n, counted from 0: Min doubled n times, at
// most Max. It does not overflow.
func (b Backoff) Interval(n int) time.Duration {
	if b.Min > b.Max>>n {
		return b.Max
	}
	return b.Min << n
}

// Delay returns a random time between half of Interval(n) and all of it, so that many attempts that
// failed together do not repeat together. The caller draws random uniformly from all values of its
// type.
func (b Backoff) Delay(n int, random uint32) time.Duration {
	half := b.Interval(n) / 2
	return half + time.Duration(float64(half)*float64(random)/(1<<32))
}

// Earliest returns the earliest of times. It ignores zero times, which mean never, and returns the
// zero time if there is no other.
func Earliest(times ...time.Time) time.Time {
	var earliest time.Time
	for _, t := range times {
		if earliest.IsZero() || !t.IsZero() && t.Before(earliest) {
			earliest = t
		}
	}
	return earliest
}

// Due reports whether a timer that expires at deadline has expired at now. The zero time never
// expires.
func Due(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }
