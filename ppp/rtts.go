package ppp

import "time"

// RTTBounds are the upper bounds of the classes by which RTTs counts round trips.
var RTTBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
}

// RTTs counts the round trips of Echo-Requests by how long they took.
type RTTs struct {
	Counts [len(RTTBounds) + 1]uint64 // of each class, up to its bound; the last has what is beyond all
	Sum    time.Duration
}

func (r *RTTs) add(rtt time.Duration) {
	class := 0
	for class < len(RTTBounds) && rtt > RTTBounds[class] {
		class++
	}
	r.Counts[class]++
	r.Sum += rtt
}

// Merge adds what other has counted.
func (r *RTTs) Merge(other *RTTs) {
	for i, n := range other.Counts {
		r.Counts[i] += n
	}
	r.Sum += other.Sum
}
