package kernel

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// BenchmarkSessions measures how many sessions with their interfaces are created and closed in a
// second, by the number of concurrent calls. The virtual machine is some 10 times slower than a
// real one; only the comparison is meaningful. The memory is correct only for the first benchmark
// of a run, because later ones reuse the memory of earlier ones.
func BenchmarkSessions(b *testing.B) {
	const files = 1 << 16 // a session has 3
	planetest.Must(b, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}))
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
			before := available(b)
			b.ResetTimer()
			perSecond("created", (*planetest.End).Create)
			b.ReportMetric(float64(before-available(b))/float64(b.N), "KiB/session")
			perSecond("closed", func(e *planetest.End) error { return e.Close() })
		})
	}
}

// available returns the machine's available memory in KiB.
func available(b *testing.B) int64 {
	b.Helper()
	kib, err := vm.Available()
	planetest.Must(b, err)
	return kib
}
