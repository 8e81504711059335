package labtest

import (
	"net"
	"testing"
	"time"
)

// An end counts the packets with the right text alone, and goes on counting with another socket.
func TestTraffic(t *testing.T) {
	ends := Traffic{
		{Text: "to the second", Want: "to the first", Interval: time.Millisecond},
		{Text: "to the first", Want: "to the second", Interval: time.Millisecond},
	}
	r := &Rig{TB: t, Ctx: t.Context(), options: Options{WaitTimeout: 10 * time.Second}}
	for range 2 {
		a, b := udpPair(t)
		ends[0].Start(a)
		ends[1].Start(b)
		r.WaitTraffic("traffic", ends, 5, func() string { return "" })
		if !ends[0].Started() {
			t.Error("the first end has a socket and is not started")
		}
		ends[1].Stop()
		r.WaitNoTraffic("traffic", ends, 20*time.Millisecond)
		ends[0].Stop()
		ends[0].Stop()
		if ends[0].Started() {
			t.Error("the first end is stopped and still started")
		}
	}
	before := ends[0].Received()
	a, b := udpPair(t)
	ends[0].Start(a)
	defer ends[0].Stop()
	defer b.Close()
	for range 10 {
		if _, err := b.Write([]byte("another text")); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if n := ends[0].Received(); before == 0 || n != before {
		t.Errorf("%d packets counted, and %d before packets of another text", n, before)
	}
}

// udpPair returns two UDP sockets that are connected to each other.
func udpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	first, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := first.LocalAddr().(*net.UDPAddr)
	second, err := net.DialUDP("udp", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	connected, err := net.DialUDP("udp", address, second.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	return connected, second
}
