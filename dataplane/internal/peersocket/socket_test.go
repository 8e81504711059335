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

// listen opens a socket on a free port of the host.
func listen(t *testing.T, host string) (conn *net.UDPConn, at netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn, conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// A socket that is not yet connected receives datagrams from any sender. They do not pass for the
// peer's.
func TestDatagramOfUnknownSender(t *testing.T) {
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
			t.Errorf("peer %v, datagram from %v: %q, from peer: %v; want %v", peer, known, buffer[:n], fromPeer, want)
		}
	}
}

// A socket that is opened later with the same addresses and ports receives what the peer sends.
func TestLaterSocketReceives(t *testing.T) {
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
				t.Errorf("%s: got %q, from peer: %v; want %q from the peer", host, buffer[:n], fromPeer, want)
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
			t.Errorf("from %v to %v: opened %v, want an error", tt.local, tt.peer, s.LocalAddrPort())
		}
	}
}

// The owner gets the network's errors, but no others. EMSGSIZE is reported as a change of the path,
// if the path MTU has changed.
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
	h.Report(errors.New("from the poller of the runtime"))
	h.Report(&net.OpError{Op: "write", Err: unix.EMSGSIZE})
	h.Report(&net.OpError{Op: "read", Err: unix.ECONNREFUSED})
	h.Report(&net.OpError{Op: "read", Err: unix.EHOSTUNREACH}) // dropped: one is not yet reported

	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		h.Run(done)
	}()
	<-changed
	if err := <-unreachable; !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("reported %v, want ECONNREFUSED", err)
	}
	h.CheckPath() // not a change that the owner does not know
	for len(h.mayDiffer) != 0 {
		h.Report(unix.ECONNREFUSED)
		if err := <-unreachable; !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("reported %v, want ECONNREFUSED", err)
		}
	}
	close(done)
	<-ended
	if len(changed) != 0 {
		t.Error("one change of the path was reported twice")
	}
}
