package ppp

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// openLinks returns a Link with LCP, IPCP and IPV6CP Opened, and its peer.
func openLinks(tb testing.TB, authenticated bool) (a, b *Link) {
	tb.Helper()
	cfgA, cfgB := both(), both()
	cfgA.Rand, cfgB.Rand = counter(), func() uint32 { return 0xbb }
	cfgA.EchoInterval = time.Second
	if authenticated {
		cfgA.Auth, cfgB.Auth = pairOfSecrets()
	}
	cfgB.IPv4 = &IPv4Config{Mode: Unnumbered}
	cfgB.IPv6 = &IPv6Config{LocalID: 0xb}
	links := [2]*Link{New(cfgA), New(cfgB)}
	var outs [2]Output
	links[0].Up(epoch, &outs[0])
	links[1].Up(epoch, &outs[1])
	exchange(links, &outs, epoch)
	for _, l := range links {
		if s := l.Status(); s.LCP != Opened || s.IPCP != Opened || s.IPV6CP != Opened {
			tb.Fatalf("not opened: %+v", s)
		}
	}
	return links[0], links[1]
}

// exchange carries frames between two Links until neither sends any more.
func exchange(links [2]*Link, outs *[2]Output, now time.Time) {
	var answers Output
	for i := 0; !outs[0].Empty() || !outs[1].Empty(); i = 1 - i {
		for f := range outs[i].Frames() {
			answers.Reset()
			links[1-i].Receive(now, f, &answers)
			for g := range answers.Frames() {
				p, _ := parsePacket(g[2:])
				outs[1-i].packet(Protocol(uint16(g[0])<<8|uint16(g[1])), p.code, p.id, p.data)
			}
		}
		outs[i].Reset()
	}
}

// steady returns calls that occur again and again on an Opened Link.
func steady(tb testing.TB) map[string]func() {
	l, _ := openLinks(tb, true)
	var out Output
	now := epoch
	magic := l.options.peerMagic
	m := []byte{byte(magic >> 24), byte(magic >> 16), byte(magic >> 8), byte(magic)}
	request := append([]byte{0xc0, 0x21, 9, 1, 0, 8}, m...)
	reply := append([]byte{0xc0, 0x21, 10, 1, 0, 8}, m...)
	unknown := []byte{0x80, 0xfd, 1, 1, 0, 4}
	var response []byte
	late := []byte{0xc0, 0x21, 2, 1, 0, 4}
	data := append([]byte{0x00, 0x21}, bytes.Repeat([]byte{0x45}, 64)...)
	challenge := unhex(tb, "c223 0101 0014 0c 000102030405060708090a0b 706532")
	success := []byte{0xc2, 0x23, byte(chapSuccess), 1, 0, 4}
	return map[string]func(){
		"challenge": func() {
			l.Receive(now, challenge, &out)
			out.Reset()
			l.Receive(now, success, &out)
		},
		"challenge of ours": func() {
			l.challenge(now, &out)
			hash := chapHash(l.auth.peer.id, l.cfg.Auth.PeerSecret, l.auth.challenge[:])
			response = append(append(response[:0], 0xc2, 0x23, byte(chapResponse), l.auth.peer.id, 0, 24, 16), hash[:]...)
			response = append(response, "pe2"...)
			out.Reset()
			l.Receive(now, response, &out)
			out.Reset()
		},
		"echo request": func() {
			l.Receive(now, request, &out)
			out.Reset()
		},
		"keepalive": func() {
			now = now.Add(time.Second)
			l.Advance(now, &out)
			for f := range out.Frames() {
				reply[3] = f[3]
			}
			out.Reset()
			l.Receive(now, reply, &out)
		},
		"data":      func() { l.Receive(now, data, &out) },
		"malformed": func() { l.Receive(now, data[:1], &out) },
		"unknown protocol": func() {
			l.Receive(now, unknown, &out)
			out.Reset()
		},
		"late ack": func() { l.Receive(now, late, &out) },
		"deadline": func() { l.Deadline() },
	}
}

func TestNoAllocationsInSteadyState(t *testing.T) {
	for name, call := range steady(t) {
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkSteady(b *testing.B) {
	for name, call := range steady(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}

// BenchmarkRenegotiate measures one negotiation of LCP, IPCP and IPV6CP at both ends.
func BenchmarkRenegotiate(b *testing.B) {
	l, peer := openLinks(b, true)
	links := [2]*Link{l, peer}
	var outs [2]Output
	b.ReportAllocs()
	for b.Loop() {
		l.Open(epoch, &outs[0])
		exchange(links, &outs, epoch)
	}
}

// BenchmarkOpenedLinkMemory measures the memory of an opened link, including its configuration.
func BenchmarkOpenedLinkMemory(b *testing.B) {
	b.Run("without authentication", func(b *testing.B) { openedLinkMemory(b, false) })
	b.Run("with CHAP in both directions", func(b *testing.B) { openedLinkMemory(b, true) })
}

func openedLinkMemory(b *testing.B, authenticated bool) {
	const n = 2000
	for b.Loop() {
		var before, after runtime.MemStats
		keep := make([]*Link, 0, n)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range n {
			l, _ := openLinks(b, authenticated)
			keep = append(keep, l)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/link")
		runtime.KeepAlive(keep)
	}
}
