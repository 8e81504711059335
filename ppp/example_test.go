package ppp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Two ends of a link open IPv4. The second one learns its address from the first.
func Example() {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	links := []*Link{
		New(Config{Rand: rand.Uint32, IPv4: &IPv4Config{
			Local: netip.MustParseAddr("10.255.0.0"),
			Peer:  netip.MustParseAddr("10.255.0.1"),
		}}),
		New(Config{Rand: rand.Uint32, IPv4: &IPv4Config{Mode: Learned}}),
	}
	var out Output
	var wire [2][][]byte // frames on their way to each end

	drain := func(i int) {
		for frame := range out.Frames() {
			wire[1-i] = append(wire[1-i], append([]byte(nil), frame...))
		}
		for _, e := range out.Events {
			switch e := e.(type) {
			case IPv4Opened:
				fmt.Printf("end %d: %v -> %v\n", i, e.Local, e.Peer)
			case LinkFailed:
				fmt.Printf("end %d: %s\n", i, e.Reason)
			}
		}
		out.Reset()
	}
	exchange := func() {
		for i := 0; len(wire[0])+len(wire[1]) > 0; i = 1 - i {
			for len(wire[i]) > 0 {
				frame := wire[i][0]
				wire[i] = wire[i][1:]
				links[i].Receive(now, frame, &out)
				drain(i)
			}
		}
	}

	for i, link := range links {
		link.Up(now, &out)
		drain(i)
	}
	exchange()

	links[0].Close(now, "moving to another router", &out)
	drain(0)
	exchange()
	now = links[1].Deadline()
	links[1].Advance(now, &out)
	drain(1)

	// Output:
	// end 0: 10.255.0.0 -> 10.255.0.1
	// end 1: 10.255.0.1 -> 10.255.0.0
	// end 0: moving to another router
	// end 1: the peer sent Terminate-Request: moving to another router
}
