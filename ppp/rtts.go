package ppp

import "time"

// RTTBounds are the upper bounds of the classes in which RTTs counts round-trip times.
var RTTBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
}

// RTTs is a histogram of the round-trip times of Echo-Requests.
type RTTs struct {
	// Counts has one count for each bound, of times up to and including it that are in no lower
	// class. The last count is of times above all bounds.
	Counts [len(RTTBounds) + 1]uint64
	Sum    time.Duration // of all round-trip times
}

func (r *RTTs) add(rtt time.Duration) {
	class := 0
	for class < len(RTTBounds) && rtt > RTTBounds[class] {
		class++
	}
	r.Counts[class]++
	r.Sum += rtt
}

// Merge adds the counts and the sum of other.
func (r *RTTs) Merge(other *RTTs) {
	for i, n := range other.Counts {
		r.Counts[i] += n
	}
	r.Sum += other.Sum
}
