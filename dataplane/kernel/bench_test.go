package kernel

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

// BenchmarkSessions is how many sessions with their interfaces are created and closed in a second, by how many do it at a
// time. The virtual machine is some 10 times slower than a real one; what counts is how they compare.
func BenchmarkSessions(b *testing.B) {
	for _, workers := range []int{1, 8, 32, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			g := newRig(b)
			ends := make([]*planetest.End, b.N)
			for i := range ends {
				ends[i] = g.End(0, uint32(i+1), 8)
			}
			perSecond := func(what string, f func(*planetest.End) error) {
				var group errgroup.Group
				group.SetLimit(workers)
				start := time.Now()
				for _, e := range ends {
					group.Go(func() error { return f(e) })
				}
				planetest.Must(b, group.Wait())
				b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), what+"/s")
			}
			b.ResetTimer()
			perSecond("created", (*planetest.End).Create)
			perSecond("closed", func(e *planetest.End) error { return e.Close() })
		})
	}
}
