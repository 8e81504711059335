package userspace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// What is neither a control message nor of a session that we know is dropped and counted.
func TestDatagrams(t *testing.T) {
	g := newRig(t)
	g.openTunnels(t, false)
	from, to := g.pes[0].tunnel, g.pes[1]
	for _, tt := range []struct {
		name     string
		datagram []byte
		want     dataplane.TunnelStats
	}{
		{"control message", controlMessage, dataplane.TunnelStats{Control: 1}},
		{"nothing", []byte{}, dataplane.TunnelStats{Malformed: 1}},
		{"7 octets", []byte{0, 3, 0, 0, 0, 0, 0}, dataplane.TunnelStats{Malformed: 1}},
		{"L2TPv2 data message", []byte{0, 2, 0, 1, 0, 1, 0xff, 3, 0xc0, 0x21}, dataplane.TunnelStats{Malformed: 1}},
		{"L2TPv2 control message", []byte{0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}, dataplane.TunnelStats{Malformed: 1}},
		{"unknown session", []byte{0, 3, 0, 0, 1, 2, 3, 4, 0xff, 3}, dataplane.TunnelStats{UnknownSession: 1}},
		{"session 0", []byte{0, 3, 0, 0, 0, 0, 0, 0, 0xff, 3}, dataplane.TunnelStats{UnknownSession: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := to.tunnel.Stats()
			must(t, from.SendControl(tt.datagram))
			if tt.want.Control == 1 {
				if got := <-to.control; got != string(tt.datagram) {
					t.Errorf("got %x, want %x", got, tt.datagram)
				}
			}
			g.settle(t, to)
			after := to.tunnel.Stats()
			got := dataplane.TunnelStats{
				Control:        after.Control - before.Control - 1, // settle's own
				Malformed:      after.Malformed - before.Malformed,
				UnknownSession: after.UnknownSession - before.UnknownSession,
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// The tunnel lives beside the listener on the same port: it gets what its peer sends, the listener all else.
func TestBesideListener(t *testing.T) {
	g := newRig(t)
	p, peer := g.pes[0], g.pes[1]
	shared := net.ListenConfig{Control: prepare}
	var listener, stranger net.PacketConn
	must(t, p.host.Do(func() (err error) {
		listener, err = shared.ListenPacket(context.Background(), "udp4", "0.0.0.0:1701")
		return err
	}))
	defer listener.Close()
	must(t, peer.host.Do(func() (err error) {
		stranger, err = net.ListenPacket("udp4", fmt.Sprintf("%v:4711", peer.v4))
		return err
	}))
	defer stranger.Close()
	g.openTunnels(t, false)

	to := p.tunnel.LocalAddr()
	if want := netip.AddrPortFrom(p.v4, 1701); to != want {
		t.Errorf("the tunnel's address is %v, want %v", to, want)
	}
	_, err := stranger.WriteTo([]byte("who are you?"), net.UDPAddrFromAddrPort(to))
	must(t, err)
	g.settle(t, p)
	buffer := make([]byte, 100)
	n, _, err := listener.ReadFrom(buffer)
	must(t, err)
	if string(buffer[:n]) != "who are you?" {
		t.Errorf("the listener got %q", buffer[:n])
	}
	if got := p.tunnel.Stats(); got != (dataplane.TunnelStats{Control: 1}) {
		t.Errorf("the tunnel got %+v, want one control message", got)
	}
}

// Before it is connected, a socket takes from anybody: such datagrams are not taken for the peer's.
func TestStrangersDatagram(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer conn.Close()
	sender, err := net.DialUDP("udp4", nil, conn.LocalAddr().(*net.UDPAddr))
	must(t, err)
	defer sender.Close()
	known := sender.LocalAddr().(*net.UDPAddr).AddrPort()
	buffers, sizes := [][]byte{make([]byte, 100)}, make([]int, 1)
	for peer, want := range map[netip.AddrPort]int{
		known: 1,
		netip.AddrPortFrom(known.Addr(), known.Port()^1):      0,
		netip.AddrPortFrom(known.Addr().Next(), known.Port()): 0,
	} {
		_, err := sender.Write([]byte("hello"))
		must(t, err)
		s := socket{UDPConn: conn, peer: peer}
		if n, err := s.receive(buffers, sizes, 10); n != want || err != nil {
			t.Errorf("peer %v, datagram from %v: took %d, %v; want %d", peer, known, n, err, want)
		}
	}
}

// The network's errors are told, and the tunnel goes on: the peer may come back.
func TestUnreachable(t *testing.T) {
	g := newRig(t)
	for _, overIPv6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("over IPv6 %v", overIPv6), func(t *testing.T) {
			g.openTunnels(t, overIPv6)
			p, peer := g.pes[0], g.pes[1]
			local, remote := p.tunnel.LocalAddr().Addr(), peer.tunnel.LocalAddr().Addr()
			must(t, peer.tunnel.Close())
			must(t, p.tunnel.SendControl(controlMessage))
			if err := <-p.unreachable; !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("told of %v, want ECONNREFUSED", err)
			}
			must(t, peer.open(remote, local))
			g.settle(t, p)
			g.settle(t, peer)

			// A route that is no more is said at once, by the error and by the hint.
			route := fmt.Sprintf("default via %v", local.Next())
			ip(t, p.host, "route delete %s", route)
			if err := p.tunnel.SendControl(controlMessage); !errors.Is(err, unix.ENETUNREACH) {
				t.Errorf("SendControl without a route: %v, want ENETUNREACH", err)
			}
			if err := <-p.unreachable; !errors.Is(err, unix.ENETUNREACH) {
				t.Errorf("told of %v, want ENETUNREACH", err)
			}
			ip(t, p.host, "route add %s", route)
			g.settle(t, peer)
			must(t, p.tunnel.Close())
		})
	}
}

func TestOpenTunnelRefuses(t *testing.T) {
	g := newRig(t)
	p, peer := g.pes[0], g.pes[1]
	if err := p.open(netip.MustParseAddr("198.51.100.1"), peer.v4); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("an address that the host has not: %v, want EADDRNOTAVAIL", err)
	}
	if err := p.open(p.v4, peer.v6); err == nil {
		t.Error("a tunnel from IPv4 to IPv6 was opened")
	}
	if err := p.open(p.v4, netip.Addr{}); err == nil {
		t.Error("a tunnel to nowhere was opened")
	}
	for _, unspecified := range []netip.Addr{{}, netip.IPv4Unspecified()} {
		must(t, p.open(unspecified, peer.v4))
		if got, want := p.tunnel.LocalAddr(), netip.AddrPortFrom(p.v4, 1701); got != want {
			t.Errorf("the routing table chose %v, want %v", got, want)
		}
		must(t, p.tunnel.Close())
	}
	ip(t, p.host, "route delete default")
	if err := p.open(netip.Addr{}, peer.v4); !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("no route: %v, want ENETUNREACH", err)
	}
}

// Close takes all sessions along, also those that are just being made, and leaves neither interfaces nor goroutines.
func TestTunnelClose(t *testing.T) {
	g := newRig(t)
	before := runtime.NumGoroutine()
	for range 10 {
		g.openTunnels(t, false)
		p := g.pes[0]
		var creating sync.WaitGroup
		for id := range uint32(8) {
			cfg, _ := g.config(0, id+1, 8)
			creating.Go(func() {
				if _, err := p.tunnel.CreateSession(cfg); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
			if id == 3 {
				creating.Wait()
			}
		}
		must(t, p.tunnel.Close())
		if links := ip(t, p.vr, "-o link"); strings.Count(links, "\n") != 1 {
			t.Fatalf("left behind:\n%s", links)
		}
		creating.Wait()
		must(t, p.tunnel.Close())
		must(t, g.pes[1].tunnel.Close())

		cfg, _ := g.config(0, 1, 8)
		if _, err := p.tunnel.CreateSession(cfg); !errors.Is(err, net.ErrClosed) {
			t.Errorf("CreateSession after Close: %v", err)
		}
		if err := p.tunnel.SendControl(controlMessage); !errors.Is(err, net.ErrClosed) {
			t.Errorf("SendControl after Close: %v", err)
		}
	}
	// A goroutine that has said that it is done may have an instruction or two left.
	for range 1_000_000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}
