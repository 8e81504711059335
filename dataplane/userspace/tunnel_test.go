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
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// What is neither a control message nor of a session that we know is dropped and counted. Over IP a session ID begins the
// datagram, and 0 says that a control message follows (RFC 3931 section 4.1.1.2).
func TestDatagrams(t *testing.T) {
	g := newRig(t)
	control := string(controlMessage)
	for _, tt := range []struct {
		name     string
		over     carrier
		datagram string
		want     dataplane.TunnelStats
	}{
		{"control message", udp4, control, dataplane.TunnelStats{Control: 1}},
		{"nothing", udp4, "", dataplane.TunnelStats{Malformed: 1}},
		{"7 octets", udp4, "\x00\x03\x00\x00\x00\x00\x00", dataplane.TunnelStats{Malformed: 1}},
		{"L2TPv2 data message", udp4, "\x00\x02\x00\x01\x00\x01\xff\x03\xc0\x21", dataplane.TunnelStats{Malformed: 1}},
		{"L2TPv2 control message", udp4, "\xc8\x02\x00\x0c" + control[4:], dataplane.TunnelStats{Malformed: 1}},
		{"unknown session", udp4, "\x00\x03\x00\x00\x01\x02\x03\x04\xff\x03", dataplane.TunnelStats{UnknownSession: 1}},
		{"session 0", udp4, "\x00\x03\x00\x00\x00\x00\x00\x00\xff\x03", dataplane.TunnelStats{UnknownSession: 1}},

		{"control message", ip4, "\x00\x00\x00\x00" + control, dataplane.TunnelStats{Control: 1}},
		{"control message", ip6, "\x00\x00\x00\x00" + control, dataplane.TunnelStats{Control: 1}},
		{"to no control connection", ip4, "\x00\x00\x00\x00" + control[:4] + "\x00\x00\x00\x00" + control[8:], dataplane.TunnelStats{}},
		{"control message as over UDP", ip4, control, dataplane.TunnelStats{UnknownSession: 1}},
		{"nothing", ip4, "", dataplane.TunnelStats{Malformed: 1}},
		{"3 octets", ip6, "\x00\x00\x00", dataplane.TunnelStats{Malformed: 1}},
		{"session 0 alone", ip4, "\x00\x00\x00\x00", dataplane.TunnelStats{Malformed: 1}},
		{"L2TPv2 control message", ip6, "\x00\x00\x00\x00\xc8\x02\x00\x0c" + control[4:], dataplane.TunnelStats{Malformed: 1}},
		{"no T bit", ip4, "\x00\x00\x00\x00\x48\x03\x00\x0c" + control[4:], dataplane.TunnelStats{Malformed: 1}},
		{"unknown session", ip4, "\x01\x02\x03\x04\xff\x03", dataplane.TunnelStats{UnknownSession: 1}},
		{"unknown session, no more", ip6, "\x01\x02\x03\x04", dataplane.TunnelStats{UnknownSession: 1}},
	} {
		t.Run(tt.over.String()+", "+tt.name, func(t *testing.T) {
			g.openTunnels(t, tt.over)
			to := g.pes[1]
			must(t, g.pes[0].tunnel.(*tunnel).send([]byte(tt.datagram)))
			if tt.want.Control == 1 {
				if got := <-to.control; got != control {
					t.Errorf("got %x, want %x", got, control)
				}
			}
			g.settle(t, to)
			got := to.tunnel.Stats()
			got.Control-- // settle's own
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			for _, p := range g.pes {
				must(t, p.tunnel.Close())
			}
		})
	}
}

// A raw socket gets what all the world sends before it is connected to the peer, and IPv4 packets with their headers. What
// others send does not get into the tunnel, be it before or after.
func TestStrangersPackets(t *testing.T) {
	g := newRig(t)
	p, peer := g.pes[0], g.pes[1]
	for over, other := range map[carrier]netip.Addr{
		ip4: netip.MustParseAddr("192.0.2.139"),
		ip6: netip.MustParseAddr("2001:db8:1::9"),
	} {
		t.Run(over.String(), func(t *testing.T) {
			ip(t, peer.host, "address add %v/%d dev core nodad", other, other.BitLen())
			local, remote := p.v4, peer.v4
			if over.ipv6 {
				local, remote = p.v6, peer.v6
			}
			must(t, peer.open(over.encapsulation, other, local))
			stranger := peer.tunnel
			must(t, peer.open(over.encapsulation, remote, local))
			must(t, p.open(over.encapsulation, local, remote))
			for range 3 {
				must(t, stranger.SendControl([]byte("\xc8\x03\x00\x0cstranger")))
			}
			g.settle(t, p)
			if got := p.tunnel.Stats(); got != (dataplane.TunnelStats{Control: 1}) {
				t.Errorf("the tunnel got %+v, want one control message", got)
			}
			for _, tunnel := range []dataplane.Tunnel{stranger, peer.tunnel, p.tunnel} {
				must(t, tunnel.Close())
			}
		})
	}
}

// The tunnel lives beside the listener on the same port: it gets what its peer sends, the listener all else.
func TestBesideListener(t *testing.T) {
	g := newRig(t)
	p, peer := g.pes[0], g.pes[1]
	shared := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		controlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		return errors.Join(controlErr, err)
	}}
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
	g.openTunnels(t, udp4)

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

// The network's errors are told, and the tunnel goes on: the peer may come back.
func TestUnreachable(t *testing.T) {
	g := newRig(t)
	for _, over := range carriers {
		t.Run(over.String(), func(t *testing.T) {
			g.openTunnels(t, over)
			p, peer := g.pes[0], g.pes[1]
			local, remote := p.tunnel.LocalAddr().Addr(), peer.tunnel.LocalAddr().Addr()
			must(t, peer.tunnel.Close())
			must(t, p.tunnel.SendControl(controlMessage))
			want := map[carrier]error{ // of ICMP's port unreachable, protocol unreachable, unrecognized next header
				udp4: unix.ECONNREFUSED, udp6: unix.ECONNREFUSED, ip4: unix.ENOPROTOOPT, ip6: unix.EPROTO,
			}[over]
			if err := <-p.unreachable; !errors.Is(err, want) {
				t.Errorf("told of %v, want %v", err, want)
			}
			must(t, peer.open(over.encapsulation, remote, local))
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
	if err := p.open(dataplane.UDP, netip.MustParseAddr("198.51.100.1"), peer.v4); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("an address that the host has not: %v, want EADDRNOTAVAIL", err)
	}
	if err := p.open(dataplane.UDP, p.v4, peer.v6); err == nil {
		t.Error("a tunnel from IPv4 to IPv6 was opened")
	}
	if err := p.open(dataplane.UDP, p.v4, netip.Addr{}); err == nil {
		t.Error("a tunnel to nowhere was opened")
	}
	for _, unspecified := range []netip.Addr{{}, netip.IPv4Unspecified()} {
		must(t, p.open(dataplane.UDP, unspecified, peer.v4))
		if got, want := p.tunnel.LocalAddr(), netip.AddrPortFrom(p.v4, 1701); got != want {
			t.Errorf("the routing table chose %v, want %v", got, want)
		}
		must(t, p.tunnel.Close())
	}
	ip(t, p.host, "route delete default")
	if err := p.open(dataplane.UDP, netip.Addr{}, peer.v4); !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("no route: %v, want ENETUNREACH", err)
	}
}

// Close takes all sessions along, also those that are just being made, and leaves neither interfaces nor goroutines.
func TestTunnelClose(t *testing.T) {
	g := newRig(t)
	before := runtime.NumGoroutine()
	for range 10 {
		g.openTunnels(t, udp4)
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
