package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A LeakWatch detects unencrypted packets of protected flows: from and to the port, over UDP and
// over IP, with IPv4 and IPv6, and quoted by ICMP. It distinguishes them from all other packets.
func TestLeakWatch(t *testing.T) {
	l, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	a, b := l.PE1, l.PE2
	w, err := l.WatchLeaks(a.NS, ProviderInterface,
		ProtectedFlow{A: a.Address, B: b.Address, Ports: []uint16{1701}}, ProtectedFlow{A: a.Address6, B: b.Address6})
	if err != nil {
		t.Fatal(err)
	}
	to := net.HardwareAddr{2, 0, 0, 0, 0, 1} // an unused address, so that no host answers
	send := func(from, at netip.Addr, protocol byte, payload []byte, ttl byte) {
		t.Helper()
		packet := IPPacket(from, at, protocol, payload)
		if from.Is6() {
			packet[7] = ttl
		} else {
			packet[8] = ttl
		}
		if err := a.NS.InjectFrame(ProviderInterface, to, packet); err != nil {
			t.Fatal(err)
		}
	}
	udp := func(from, at uint16) []byte {
		return UDPDatagram(netip.AddrPortFrom(a.Address, from), netip.AddrPortFrom(b.Address, at), []byte("word"))
	}
	send(a.Address, b.Address, unix.IPPROTO_UDP, udp(1701, 9), 64)
	send(a.Address, b.Address, unix.IPPROTO_UDP, udp(9, 1701), 64)
	send(a.Address6, b.Address6, unix.IPPROTO_L2TP, []byte("word"), 64)

	quoted := IPPacket(b.Address, a.Address, unix.IPPROTO_UDP,
		UDPDatagram(netip.AddrPortFrom(b.Address, 1701), netip.AddrPortFrom(a.Address, 1701), []byte("quoted")))
	quoted[8] = 64
	send(a.Address, b.Address, unix.IPPROTO_ICMP, append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, quoted...), 64)

	send(a.Address, b.Address, unix.IPPROTO_UDP, udp(1702, 1702), 64)
	send(a.Address, b.Address, unix.IPPROTO_L2TP, []byte("word"), 64)
	send(a.Address, b.Address, unix.IPPROTO_ESP, []byte("word"), 64)
	send(a.Address, b.Address, unix.IPPROTO_UDP, udp(1701, 1701), InjectedTTL)
	send(a.Address, netip.MustParseAddr("192.0.2.9"), unix.IPPROTO_UDP, udp(1701, 1701), 64)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = Wait(ctx, "all packets sent", func() (bool, string, error) {
		seen := w.Seen()
		return seen.Leaks+seen.ESP+seen.Clear >= 7, fmt.Sprintf("%+v", seen), nil
	})
	if err != nil {
		t.Error(err)
	}
	time.Sleep(100 * time.Millisecond) // further packets would be counted meanwhile
	seen, err := w.Stop()
	if err != nil || seen.Leaks != 4 || seen.ESP != 1 || seen.Clear != 2 || len(seen.First) != 4 {
		t.Errorf("seen %+v, %v; want 4 leaks, 1 ESP packet, 2 unencrypted packets", seen, err)
	}
	if esp := w.LastESP(b.Address); string(esp) != "word" {
		t.Errorf("the last ESP packet was %q, want word", esp)
	}
}
