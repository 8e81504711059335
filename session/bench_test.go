package session

import (
	"runtime"
	"testing"
	"time"
)

// BenchmarkBringUp brings up 1000 links between two Pairs in memory, from Start to packets: control
// connection, sessions, LCP, IPCP and IPV6CP, with both ends on one processor. It tells links a
// second, and the octets that the two ends of an opened link hold, with what the fake data plane
// has of them.
func BenchmarkBringUp(b *testing.B) {
	const n = 1000
	links := linkConfigs(n)
	b.ReportAllocs()
	var held uint64
	for i := range b.N {
		b.StopTimer()
		w := newWorld(b, uint64(i), links, links)
		w.unchecked = true
		before := heapInUse()
		b.StartTimer()
		w.start()
		w.within(time.Minute, "all links up", func() bool { return len(w.queue) == 0 && w.a.up() && w.b.up() })
		b.StopTimer()
		held += heapInUse() - before
		runtime.KeepAlive(w)
		b.StartTimer()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "links/s")
	b.ReportMetric(float64(held)/float64(b.N)/n, "octets/link")
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkEcho is a link at rest: an LCP Echo-Request and its reply.
func BenchmarkEcho(b *testing.B) {
	w := newWorld(b, 1, linkConfigs(1), linkConfigs(1))
	w.start()
	w.allUp(10 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		w.run(5 * time.Second)
	}
}
