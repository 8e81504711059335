package planetest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// IPv4 and IPv6 packets pass in both directions, over IPv4 and IPv6, with cookies of each length
// and with sublayers. The largest packet for the path passes unfragmented, and the interface
// refuses a packet that is one octet longer.
func testPackets(t *testing.T, g *Rig) {
	for _, overIPv6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("over IPv6 %v", overIPv6), func(t *testing.T) {
			g.OpenTunnels(t, overIPv6)
			for i, tt := range []struct {
				cookie   int
				sublayer dataplane.Sublayer
			}{
				{0, dataplane.NoSublayer},
				{4, dataplane.NoSublayer},
				{8, dataplane.NoSublayer},
				{0, dataplane.SublayerAlone},
				{8, dataplane.SublayerSequenced},
			} {
				t.Run(fmt.Sprintf("cookie %d, sublayer %d", tt.cookie, tt.sublayer), func(t *testing.T) {
					testPacketsWith(t, g, uint32(i+1), tt.cookie, tt.sublayer)
				})
			}
			for _, p := range g.PEs {
				Must(t, p.Tunnel.Close())
			}
		})
	}
	for _, n := range []*Namespace{g.PEs[0].Host, g.Core, g.PEs[1].Host} {
		n.expectNoFragments(t)
	}
}

// expectNoFragments checks that no IP packet was fragmented or reassembled in the namespace.
func (n *Namespace) expectNoFragments(t *testing.T) {
	t.Helper()
	counters := make(map[string]string)
	Must(t, n.Do(func() error {
		v4, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		lines := strings.SplitN(string(v4), "\n", 3)
		values := strings.Fields(lines[1])
		for i, name := range strings.Fields(lines[0]) {
			counters["Ip"+name] = values[i]
		}
		v6, err := os.ReadFile("/proc/thread-self/net/snmp6")
		for line := range strings.Lines(string(v6)) {
			fields := strings.Fields(line)
			counters[fields[0]] = fields[1]
		}
		return err
	}))
	if counters["IpReasmReqds"] == "" || counters["Ip6ReasmReqds"] == "" {
		t.Errorf("%s: the counters of fragments are missing", n.name)
	}
	for name, count := range counters {
		if (strings.Contains(name, "Frag") || strings.Contains(name, "Reasm")) && count != "0" {
			t.Errorf("%s: %s = %s, want 0", n.name, name, count)
		}
	}
}

func testPacketsWith(t *testing.T, g *Rig, id uint32, cookie int, sublayer dataplane.Sublayer) {
	pathMTU, err := g.PEs[0].Tunnel.PathMTU()
	Must(t, err)
	if pathMTU != 1500 {
		t.Fatalf("path MTU %d, want 1500", pathMTU)
	}
	peer := g.PEs[1].Tunnel.LocalAddr().Addr()
	mtu := pathMTU - g.PEs[0].Encapsulation.Overhead(peer, cookie, sublayer).Total()
	ends := g.openSession(t, id, cookie, mtu, sublayer)
	for _, version := range []int{4, 6} {
		ping := ends[0].Pinger(t, ends[1], version)
		for seq, size := range []int{48, 576, mtu - 1, mtu} {
			if err := ping.Ping(size, seq); err != nil {
				t.Fatalf("IPv%d packet of %d octets: %v", version, size, err)
			}
		}
		if err := ping.Send(mtu+1, 9); !errors.Is(err, unix.EMSGSIZE) {
			t.Errorf("IPv%d packet of %d octets: %v, want EMSGSIZE", version, mtu+1, err)
		}
	}
	octets := 2 * uint64(48+576+mtu-1+mtu)
	want := dataplane.Stats{RxPackets: 8, RxOctets: octets, TxPackets: 8, TxOctets: octets}
	for _, e := range ends {
		Must(t, e.Close()) // no packet is being handled any more
	}
	for _, e := range ends {
		got := e.Stats()
		if got.LastHeard.IsZero() {
			t.Error("messages were received, but LastHeard is zero")
		}
		if got.LastHeard = want.LastHeard; got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if e.Tunnel.Stats().LastHeard.IsZero() {
			t.Error("messages were received, but LastHeard of the tunnel is zero")
		}
	}
}

// A PPP frame arrives unchanged, from its protocol field on.
func testFrames(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	ends := g.OpenSession(t, 1, 8, 1400)
	frames := []string{
		"\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00", // LCP Echo-Request
		"\xc2\x23\x01\x01\x00\x04",                 // CHAP Challenge, without a value
		"\x80\x21\x01\x01\x00\x04",                 // IPCP Configure-Request
		"\x80\x57\x01\x01\x00\x04",                 // IPV6CP Configure-Request
		"\x80\xfd\x01\x01\x00\x04",                 // CCP Configure-Request
		"\x00\x23" + strings.Repeat("x", 1400),     // OSI, which no machine supports
	}
	octets := uint64(0)
	for i, e := range ends {
		for _, frame := range frames {
			Must(t, e.SendFrame([]byte(frame)))
			if got := <-ends[1-i].Frames; got != frame {
				t.Errorf("sent %x, received %x", frame, got)
			}
			octets += uint64(len(frame))
		}
	}
	for _, e := range ends {
		s := e.Stats()
		if s.LastHeard.IsZero() {
			t.Error("messages were received, but LastHeard is zero")
		}
		s.LastHeard = dataplane.Stats{}.LastHeard
		if want := (dataplane.Stats{TxFrames: uint64(len(frames)), RxFrames: uint64(len(frames))}); s != want {
			t.Errorf("counted %+v, want %+v", s, want)
		}
	}
}

// A message with a wrong cookie is dropped (RFC 3931, section 4.1).
func testWrongCookie(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	for _, size := range []int{4, 8} {
		e, peer := g.End(0, uint32(size), size), g.End(1, uint32(size), size)
		Must(t, e.Create())
		peer.Config.PeerCookie[size-1] ^= 1
		Must(t, peer.Create())

		Must(t, peer.SendFrame([]byte("\xc0\x21\x01\x01\x00\x04")))
		g.Settle(t, e.PE)
		if got, want := e.Stats(), (dataplane.Stats{RxCookie: 1}); got != want {
			t.Errorf("cookie of %d octets: got %+v, want %+v", size, got, want)
		}
		if len(e.Frames) != 0 {
			t.Error("a frame with a wrong cookie was delivered")
		}
	}
}

// Packets of a protocol whose NCP is not opened are dropped in both directions (RFC 1661, section
// 3.5). Before the first SetOpen no NCP is opened.
func testClosedProtocol(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	ends := [2]*End{g.End(0, 1, 0), g.End(1, 1, 0)}
	for i, e := range ends {
		Must(t, e.Create())
		e.ConfigureUp(t, ends[1-i])
	}
	v4, v6 := ends[0].Pinger(t, ends[1], 4), ends[0].Pinger(t, ends[1], 6)
	// arrived returns the number of packets that have arrived at an end, dropped or not.
	arrived := func(e *End) uint64 { s := e.Stats(); return s.RxPackets + s.RxClosed }
	// A packet is counted after it was forwarded: wait until it is.
	waitForCount := func(count func() uint64, n uint64) {
		for count() < n {
			runtime.Gosched()
		}
	}

	ends[0].SetOpen(dataplane.IPv4)
	Must(t, v4.Send(100, 1))
	waitForCount(func() uint64 { return arrived(ends[1]) }, 1)
	ends[1].SetOpen(dataplane.IPv4 | dataplane.IPv6)
	Must(t, v6.Send(100, 2))
	Must(t, v4.Ping(100, 2)) // passes the interface after the other
	waitForCount(func() uint64 { return arrived(ends[1]) }, 2)
	waitForCount(func() uint64 { return ends[0].Stats().TxPackets }, 2)
	waitForCount(func() uint64 { return ends[0].Stats().RxPackets }, 1)
	if got := ends[0].Stats(); got.TxPackets != 2 || got.RxPackets != 1 {
		t.Errorf("sent %d packets and received %d, want 2 of IPv4, and the reply to the second", got.TxPackets, got.RxPackets)
	}
	if n := arrived(ends[1]); n != 2 {
		t.Errorf("%d packets arrived, want 2", n)
	}

	ends[0].SetOpen(dataplane.IPv4 | dataplane.IPv6)
	ends[1].SetOpen(dataplane.IPv4)
	Must(t, v6.Send(100, 3))
	Must(t, v4.Ping(100, 3))
	waitForCount(func() uint64 { return arrived(ends[1]) }, 4)
	waitForCount(func() uint64 { return arrived(ends[0]) }, 2)
	if n := arrived(ends[1]); n != 4 {
		t.Errorf("%d packets arrived, want 4", n)
	}
	if n := arrived(ends[0]); n != 2 {
		t.Errorf("%d replies arrived, want 2 of IPv4", n)
	}

	ends[1].SetOpen(dataplane.IPv4 | dataplane.IPv6)
	Must(t, v6.Ping(100, 4))
	ends[1].SetOpen(0)
	Must(t, v4.Send(100, 5))
	ends[1].SetOpen(dataplane.IPv4)
	Must(t, v4.Ping(100, 6))
}

// An interface that is down receives no packets; set up again, it does.
func testInterfaceDown(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	ends := g.OpenSession(t, 1, 0, 1400)
	ping := ends[0].Pinger(t, ends[1], 4)
	Must(t, ping.Ping(100, 1))
	ends[1].VR.Down(t, ends[1].Config.Interface)
	Must(t, ping.Send(100, 2))
	for ends[0].Stats().TxPackets < 2 {
		runtime.Gosched()
	}
	g.Settle(t, ends[1].PE)
	ends[1].VR.Up(t, ends[1].Config.Interface)
	Must(t, ping.Ping(100, 3))
	if got := ends[0].Stats(); got.TxPackets != 3 || got.RxPackets != 2 {
		t.Errorf("sent %d packets, received %d replies; want 3 and 2", got.TxPackets, got.RxPackets)
	}
}
