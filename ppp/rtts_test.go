package ppp

import (
	"testing"
	"time"
)

func TestRTTs(t *testing.T) {
	var r, other RTTs
	r.add(0)
	r.add(500 * time.Microsecond) // a bound belongs to its class
	r.add(501 * time.Microsecond)
	other.add(2 * time.Second)
	other.add(3 * time.Second)
	r.Merge(&other)
	const last = len(RTTBounds)
	if want := (RTTs{Counts: [13]uint64{0: 2, 1: 1, last - 1: 1, last: 1}, Sum: 5*time.Second + 1001*time.Microsecond}); r != want {
		t.Errorf("counted %+v, want %+v", r, want)
	}
	for i := 1; i < last; i++ {
		if RTTBounds[i] <= RTTBounds[i-1] {
			t.Errorf("bound %v follows %v, want increasing bounds", RTTBounds[i], RTTBounds[i-1])
		}
	}
}
