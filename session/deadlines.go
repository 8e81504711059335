package session

import (
	"container/heap"
	"iter"
	"time"
)

// deadlines is a heap of the links with a deadline, the earliest first.
type deadlines []*Link

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].heapIndex, d[j].heapIndex = i, j
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	l := x.(*Link)
	l.heapIndex = len(*d)
	*d = append(*d, l)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	l := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	l.heapIndex = notInHeap
	return l
}

// notInHeap is the heapIndex of a link without a deadline.
const notInHeap = -1

// set sets the deadline of a link; zero: none.
func (d *deadlines) set(l *Link, at time.Time) {
	if at.Equal(l.deadline) && (l.heapIndex == notInHeap) == at.IsZero() {
		return
	}
	l.deadline = at
	switch {
	case at.IsZero():
		if l.heapIndex != notInHeap {
			heap.Remove(d, l.heapIndex)
		}
	case l.heapIndex == notInHeap:
		heap.Push(d, l)
	default:
		heap.Fix(d, l.heapIndex)
	}
}

// due yields the links whose deadline has been reached, in no particular order.
func (d deadlines) due(now time.Time) iter.Seq[*Link] {
	return func(yield func(*Link) bool) { d.below(0, now, yield) }
}

// below yields the due links at index i of the heap and below it. It returns false if yield does.
func (d deadlines) below(i int, now time.Time, yield func(*Link) bool) bool {
	if i >= len(d) || d[i].deadline.After(now) {
		return true // the deadlines below are not earlier
	}
	return yield(d[i]) && d.below(2*i+1, now, yield) && d.below(2*i+2, now, yield)
}

// next returns the earliest deadline; zero: none.
func (d deadlines) next() time.Time {
	if len(d) == 0 {
		return time.Time{}
	}
	return d[0].deadline
}
