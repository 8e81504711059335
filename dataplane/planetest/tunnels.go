package planetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// Everything except control messages and data messages of known sessions is dropped and counted,
// before and after a session was created.
func testDatagrams(t *testing.T, g *Rig) {
	g.OpenTunnels(t, false)
	from, to := g.PEs[0].Tunnel, g.PEs[1]
	for _, sessions := range []string{"no session", "a session"} {
		for _, tt := range []struct {
			name     string
			datagram []byte
			want     dataplane.TunnelStats
		}{
			{"control message", ControlMessage, dataplane.TunnelStats{Control: 1}},
			{"empty", []byte{}, dataplane.TunnelStats{Malformed: 1}},
			{"7 octets", []byte{0, 3, 0, 0, 0, 0, 0}, dataplane.TunnelStats{Malformed: 1}},
			{"L2TPv2 data message", []byte{0, 2, 0, 1, 0, 1, 0xff, 3, 0xc0, 0x21}, dataplane.TunnelStats{Malformed: 1}},
			{"L2TPv2 control message", []byte{0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}, dataplane.TunnelStats{Malformed: 1}},
			{"unknown session", []byte{0, 3, 0, 0, 1, 2, 3, 4, 0xff, 3}, dataplane.TunnelStats{UnknownSession: 1}},
			{"unknown session, longer", []byte{0, 3, 0, 0, 1, 2, 3, 4, 0xff, 3, 0xc0, 0x21, 9, 1, 0, 4}, dataplane.TunnelStats{UnknownSession: 1}},
			{"session 0", []byte{0, 3, 0, 0, 0, 0, 0, 0, 0xff, 3}, dataplane.TunnelStats{UnknownSession: 1}},
		} {
			t.Run(sessions+", "+tt.name, func(t *testing.T) {
				before := to.Tunnel.Stats()
				Must(t, from.SendControl(tt.datagram))
				if tt.want.Control == 1 {
					if got := <-to.Control; got != string(tt.datagram) {
						t.Errorf("got %x, want %x", got, tt.datagram)
					}
				}
				g.Settle(t, to)
				after := to.Tunnel.Stats()
				got := dataplane.TunnelStats{
					Control:        after.Control - before.Control - 1, // the one of Settle
					Malformed:      after.Malformed - before.Malformed,
					UnknownSession: after.UnknownSession - before.UnknownSession,
					LastHeard:      after.LastHeard, // of no session
				}
				if got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			})
		}
		if sessions == "no session" {
			Must(t, g.End(1, 1, 8).Create())
		}
	}
}

// A tunnel and the listener have the same port: the tunnel receives what its peer sends, the
// listener everything else.
func testWithListener(t *testing.T, g *Rig) {
	p, peer := g.PEs[0], g.PEs[1]
	shared := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		}), err)
	}}
	var listener, unknown net.PacketConn
	Must(t, p.Host.Do(func() (err error) {
		listener, err = shared.ListenPacket(context.Background(), "udp4", "0.0.0.0:1701")
		return err
	}))
	defer listener.Close()
	Must(t, peer.Host.Do(func() (err error) {
		unknown, err = net.ListenPacket("udp4", fmt.Sprintf("%v:4711", peer.V4))
		return err
	}))
	defer unknown.Close()
	g.OpenTunnels(t, false)
	Must(t, g.End(0, 1, 8).Create())

	to := p.Tunnel.LocalAddr()
	if want := netip.AddrPortFrom(p.V4, 1701); to != want {
		t.Errorf("the tunnel's address is %v, want %v", to, want)
	}
	_, err := unknown.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(to))
	Must(t, err)
	g.Settle(t, p)
	buffer := make([]byte, 100)
	n, _, err := listener.ReadFrom(buffer)
	Must(t, err)
	if string(buffer[:n]) != "hello" {
		t.Errorf("the listener received %q, want hello", buffer[:n])
	}
	if got := p.Tunnel.Stats(); got != (dataplane.TunnelStats{Control: 1}) {
		t.Errorf("the tunnel received %+v, want one control message", got)
	}
}

// Errors of the network are reported, at least while the tunnel has no session. The tunnel works
// again when the peer returns.
func testUnreachable(t *testing.T, g *Rig) {
	for _, overIPv6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("over IPv6 %v", overIPv6), func(t *testing.T) {
			g.OpenTunnels(t, overIPv6)
			p, peer := g.PEs[0], g.PEs[1]
			local, remote := p.Tunnel.LocalAddr().Addr(), peer.Tunnel.LocalAddr().Addr()
			if p.Encapsulation == dataplane.UDP { // the peer's host answers: port unreachable
				Must(t, peer.Tunnel.Close())
				Must(t, p.Tunnel.SendControl(ControlMessage))
				p.expectUnreachable(t, unix.ECONNREFUSED)
				Must(t, peer.Open(remote, local))
			}
			want := unix.EHOSTUNREACH // communication administratively prohibited
			if overIPv6 {
				want = unix.EACCES
			}
			allow := g.Core.prohibit(t, remote)
			Must(t, p.Tunnel.SendControl(ControlMessage))
			p.expectUnreachable(t, want)
			allow()
			g.Settle(t, p)
			g.Settle(t, peer)

			// A missing route is reported at once, by the error and by the hint, also if the tunnel
			// has a session.
			Must(t, g.End(0, 1, 8).Create())
			p.Host.DeleteDefaultRoute(t, local.Next())
			if err := p.Tunnel.SendControl(ControlMessage); !errors.Is(err, unix.ENETUNREACH) {
				t.Errorf("SendControl without a route: %v, want ENETUNREACH", err)
			}
			p.expectUnreachable(t, unix.ENETUNREACH)
			p.Host.DefaultRoute(t, local.Next())
			g.Settle(t, peer)
			Must(t, p.Tunnel.Close())
			Must(t, peer.Tunnel.Close())
		})
	}
}

func (p *PE) expectUnreachable(t *testing.T, want error) {
	t.Helper()
	if err := <-p.Unreachable; !errors.Is(err, want) {
		t.Errorf("reported %v, want %v", err, want)
	}
}

func testOpenTunnelRefuses(t *testing.T, g *Rig) {
	p, peer := g.PEs[0], g.PEs[1]
	if err := p.Open(netip.MustParseAddr("198.51.100.1"), peer.V4); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("an address that is not the host's: %v, want EADDRNOTAVAIL", err)
	}
	if err := p.Open(p.V4, peer.V6); err == nil {
		t.Error("a tunnel from IPv4 to IPv6 was opened")
	}
	if err := p.Open(p.V4, netip.Addr{}); err == nil {
		t.Error("a tunnel without a peer address was opened")
	}
	for _, unspecified := range []netip.Addr{{}, netip.IPv4Unspecified()} {
		Must(t, p.Open(unspecified, peer.V4))
		want := netip.AddrPortFrom(p.V4, 1701)
		if p.Encapsulation == dataplane.IP {
			want = netip.AddrPortFrom(p.V4, 0)
		}
		if got := p.Tunnel.LocalAddr(); got != want {
			t.Errorf("the routing table chose %v, want %v", got, want)
		}
		Must(t, p.Tunnel.Close())
	}
	p.Host.DeleteDefaultRoute(t, p.V4.Next())
	if err := p.Open(netip.Addr{}, peer.V4); !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("no route: %v, want ENETUNREACH", err)
	}
}

// Close closes all sessions, also those that are being created, and leaves neither interfaces nor
// goroutines. The same IDs can be used again.
func testTunnelClose(t *testing.T, g *Rig) {
	before := runtime.NumGoroutine()
	for range 10 {
		g.OpenTunnels(t, false)
		p := g.PEs[0]
		var creating sync.WaitGroup
		for id := range uint32(8) {
			e := g.End(0, id+1, 8)
			creating.Go(func() {
				if err := e.Create(); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
			if id == 3 {
				creating.Wait()
			}
		}
		Must(t, p.Tunnel.Close())
		if links := p.VR.Links(t); len(links) != 0 {
			t.Fatalf("interfaces %q remain, want none", links)
		}
		creating.Wait()
		Must(t, p.Tunnel.Close())
		Must(t, g.PEs[1].Tunnel.Close())

		if err := g.End(0, 1, 8).Create(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("CreateSession after Close: %v, want net.ErrClosed", err)
		}
		if err := p.Tunnel.SendControl(ControlMessage); !errors.Is(err, net.ErrClosed) {
			t.Errorf("SendControl after Close: %v, want net.ErrClosed", err)
		}
	}
	// A goroutine that has reported its end may still run some instructions.
	for range 1_000_000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		runtime.Gosched()
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}
