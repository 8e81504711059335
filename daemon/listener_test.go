package daemon

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
)

// Only control messages from the address and port of a peer get to a loop: that peer's.
func TestListenerTakes(t *testing.T) {
	var loops []*loop
	for _, at := range []string{"192.0.2.2:1702", "192.0.2.2:1703", "[2001:db8::2]:1702"} {
		a := netip.MustParseAddrPort(at)
		peer := config.Peer{Address: a.Addr(), Port: a.Port()}
		loops = append(loops, &loop{peer: peer, mailbox: make(chan func(time.Time), 1)})
	}
	control := []byte{0xc8, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}
	data := []byte{0, 3, 0, 0, 1, 2, 3, 4}
	for _, tt := range []struct {
		name     string
		from     string
		datagram []byte
		loop     int // index; -1: none
		counted  [3]uint64
	}{
		{"control message", "192.0.2.2:1702", control, 0, [3]uint64{}},
		{"another peer at the same address", "192.0.2.2:1703", control, 1, [3]uint64{}},
		{"IPv4 in an IPv6 socket", "[::ffff:192.0.2.2]:1702", control, 0, [3]uint64{}},
		{"IPv6", "[2001:db8::2]:1702", control, 2, [3]uint64{}},
		{"stranger", "192.0.2.3:1702", control, -1, [3]uint64{1, 0, 0}},
		{"a peer's address, foreign port", "192.0.2.2:9999", control, -1, [3]uint64{0, 1, 0}},
		{"data, which belongs into a tunnel", "192.0.2.2:1702", data, -1, [3]uint64{0, 0, 1}},
		{"nothing", "192.0.2.2:1702", nil, -1, [3]uint64{0, 0, 1}},
		{"data of a stranger", "192.0.2.3:1702", data, -1, [3]uint64{1, 0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newListener(loops, zap.NewNop())
			l.take(tt.datagram, netip.MustParseAddrPort(tt.from))
			for i, loop := range loops {
				if got := len(loop.mailbox); (got == 1) != (i == tt.loop) {
					t.Errorf("loop %d has %d messages", i, got)
				}
				for len(loop.mailbox) > 0 {
					<-loop.mailbox
				}
			}
			if got := [3]uint64{l.stranger.Load(), l.foreignPort.Load(), l.notControl.Load()}; got != tt.counted {
				t.Errorf("strangers, foreign ports, no control messages: %v, want %v", got, tt.counted)
			}
		})
	}
}

// The socket can be opened before the host has the address, of either kind, and beside another with the same port.
func TestListenBeforeTheAddressIsThere(t *testing.T) {
	for _, address := range []string{"192.0.2.77:17020", "[2001:db8::77]:17020", "127.0.0.1:17020"} {
		for range 2 {
			l, err := listen(netip.MustParseAddrPort(address), nil, zap.NewNop())
			if err != nil {
				t.Errorf("%s: %v", address, err)
				continue
			}
			over := make(chan struct{})
			go func() { l.run(); close(over) }()
			defer func() { l.close(); <-over }()
		}
	}
}
