package session

import (
	"runtime"
	"testing"
	"time"
)

// BenchmarkBringUp brings up 1000 links between two Pairs in memory, from Start to packets: control
// connection, sessions, LCP, IPCP and IPV6CP, with both ends on one processor. It reports links per
// second, and the octets of memory of the two ends of a link, including the fake data plane.
func BenchmarkBringUp(b *testing.B) {
	const n = 1000
	links := linkConfigs(n)
	b.ReportAllocs()
	var held uint64
	for i := range b.N {
		b.StopTimer()
		sim := newSimulation(b, uint64(i), links, links)
		sim.unchecked = true
		before := heapInUse()
		b.StartTimer()
		sim.start()
		sim.within(time.Minute, "all links up", func() bool { return len(sim.queue) == 0 && sim.a.up() && sim.b.up() })
		b.StopTimer()
		held += heapInUse() - before
		runtime.KeepAlive(sim)
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

// BenchmarkEcho measures an idle link: an LCP Echo-Request and its reply.
func BenchmarkEcho(b *testing.B) {
	sim := newSimulation(b, 1, linkConfigs(1), linkConfigs(1))
	sim.start()
	sim.allUp(10 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		sim.run(5 * time.Second)
	}
}
