package peersocket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listen opens a socket on a port of this host that is free.
func listen(t *testing.T, host string) (conn *net.UDPConn, at netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn, conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Before it is connected, a socket takes from anybody: such datagrams are not taken for the peer's.
func TestStrangersDatagram(t *testing.T) {
	conn, at := listen(t, "127.0.0.1")
	sender, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at))
	must(t, err)
	defer sender.Close()
	known := sender.LocalAddr().(*net.UDPAddr).AddrPort()
	buffer := make([]byte, 100)
	for peer, want := range map[netip.AddrPort]bool{
		known: true,
		netip.AddrPortFrom(known.Addr(), known.Port()^1):      false,
		netip.AddrPortFrom(known.Addr().Next(), known.Port()): false,
	} {
		_, err := sender.Write([]byte("hello"))
		must(t, err)
		s := Socket{UDPConn: conn, peer: peer}
		n, fromPeer, err := s.Receive(buffer)
		must(t, err)
		if fromPeer != want || string(buffer[:n]) != "hello" {
			t.Errorf("peer %v, datagram from %v: %q, the peer's: %v; want %v", peer, known, buffer[:n], fromPeer, want)
		}
	}
}

// A socket that is opened later with the same addresses takes over what the peer sends, from its
// port to ours.
func TestSuccessor(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		peer, at := listen(t, host)
		first, err := Dial(netip.AddrPortFrom(at.Addr().Unmap(), 0), at)
		must(t, err)
		second, err := Dial(first.LocalAddrPort(), at)
		must(t, err)
		defer second.Close()
		for i, s := range []*Socket{second, second} {
			_, err = peer.WriteToUDPAddrPort(fmt.Appendf(nil, "%d", i), first.LocalAddrPort())
			must(t, err)
			buffer := make([]byte, 10)
			n, fromPeer, err := s.Receive(buffer)
			must(t, err)
			if want := fmt.Sprint(i); !fromPeer || string(buffer[:n]) != want {
				t.Errorf("%s: got %q, the peer's: %v; want %q of the peer", host, buffer[:n], fromPeer, want)
			}
			if i == 0 {
				must(t, first.Close())
			}
		}
	}
}

func TestDialRefuses(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("127.0.0.1:1701"), netip.MustParseAddrPort("[::1]:1701")
	for _, tt := range []struct{ local, peer netip.AddrPort }{
		{v4, netip.AddrPort{}},
		{v4, netip.AddrPortFrom(v4.Addr(), 0)},
		{v4, v6},
		{v6, v4},
	} {
		if s, err := Dial(tt.local, tt.peer); err == nil {
			t.Errorf("from %v to %v: opened %v", tt.local, tt.peer, s.LocalAddrPort())
		}
	}
}

// Of what sockets say, the network's word goes to the owner: that of size as a change of the path,
// if it is one.
func TestHints(t *testing.T) {
	changed, unreachable := make(chan struct{}, 9), make(chan error, 9)
	mtu := 1500
	h := NewHints(dataplane.TunnelConfig{
		PathChanged: func() { changed <- struct{}{} },
		Unreachable: func(err error) { unreachable <- err },
	}, func() (int, error) { return mtu, nil })
	if got, err := h.PathMTU(); got != 1500 || err != nil {
		t.Fatalf("path MTU %d, %v; want 1500", got, err)
	}
	mtu = 1400
	h.Report(errors.New("of the runtime's poller"))
	h.Report(&net.OpError{Op: "write", Err: unix.EMSGSIZE})
	h.Report(&net.OpError{Op: "read", Err: unix.ECONNREFUSED})
	h.Report(&net.OpError{Op: "read", Err: unix.EHOSTUNREACH}) // one is enough

	done, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		h.Tell(done)
	}()
	<-changed
	if err := <-unreachable; !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("told of %v, want ECONNREFUSED", err)
	}
	h.CheckPath() // the owner knows
	for len(h.mayDiffer) != 0 {
		h.Report(unix.ECONNREFUSED)
		if err := <-unreachable; !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("told of %v, want ECONNREFUSED", err)
		}
	}
	close(done)
	<-told
	if len(changed) != 0 {
		t.Error("told twice of one change of the path")
	}
}
