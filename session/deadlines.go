package session

import (
	"container/heap"
	"iter"
	"time"
)

// deadlines holds the links that wait for a time, the earliest first.
type deadlines []*Link

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

// Push is for package heap.
func (d *deadlines) Push(x any) {
	l := x.(*Link)
	l.place = len(*d)
	*d = append(*d, l)
}

// Pop is for package heap.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	l := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	l.place = nowhere
	return l
}

// nowhere is the place of a link that waits for no time.
const nowhere = -1

// set makes at the time that l waits for; zero: none.
func (d *deadlines) set(l *Link, at time.Time) {
	if at.Equal(l.deadline) && (l.place == nowhere) == at.IsZero() {
		return
	}
	l.deadline = at
	switch {
	case at.IsZero():
		if l.place != nowhere {
			heap.Remove(d, l.place)
		}
	case l.place == nowhere:
		heap.Push(d, l)
	default:
		heap.Fix(d, l.place)
	}
}

// due yields the links whose time has come by now, in no order.
func (d deadlines) due(now time.Time) iter.Seq[*Link] {
	return func(yield func(*Link) bool) { d.below(0, now, yield) }
}

// below yields those of the links at place i of the heap and below it, and reports whether to go
// on.
func (d deadlines) below(i int, now time.Time, yield func(*Link) bool) bool {
	if i >= len(d) || d[i].deadline.After(now) {
		return true // so are those below
	}
	return yield(d[i]) && d.below(2*i+1, now, yield) && d.below(2*i+2, now, yield)
}

// next is the earliest time that a link waits for; zero: none does.
func (d deadlines) next() time.Time {
	if len(d) == 0 {
		return time.Time{}
	}
	return d[0].deadline
}
