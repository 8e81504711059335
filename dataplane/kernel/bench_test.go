package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

// BenchmarkSessions is how many sessions with their interfaces are created and closed in a second, by how many do it at a
// time. The virtual machine is some 10 times slower than a real one; what counts is how they compare. The memory is right
// for the first benchmark of a run: later ones find what earlier ones have given back.
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

// available is the memory that the machine could still give, in KiB: what sessions take of it, of the kernel and of this
// process, is no other's.
func available(b *testing.B) int64 {
	b.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	planetest.Must(b, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == "MemAvailable:" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			planetest.Must(b, err)
			return n
		}
	}
	b.Fatal("/proc/meminfo has no MemAvailable")
	return 0
}
