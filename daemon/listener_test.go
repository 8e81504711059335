package daemon

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
)

// Only control messages from the address of a peer get to a loop: that peer's, by the port if there
// are several.
func TestListenerTakes(t *testing.T) {
	loops := peersOver("192.0.2.2:1702", "192.0.2.2:1703", "[2001:db8::2]:1702", "192.0.2.4:0", "192.0.2.5:1702", "192.0.2.5:0")
	control := []byte{0xc8, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}
	data := []byte{0, 3, 0, 0, 1, 2, 3, 4}
	packet := append(make([]byte, 4), control...)
	for _, tt := range []struct {
		name     string
		from     string // with port 0: over IP
		datagram []byte
		loop     int // index; -1: none
		counted  [3]uint64
	}{
		{"control message", "192.0.2.2:1702", control, 0, [3]uint64{}},
		{"another peer at the same address", "192.0.2.2:1703", control, 1, [3]uint64{}},
		{"IPv4 in an IPv6 socket", "[::ffff:192.0.2.2]:1702", control, 0, [3]uint64{}},
		{"IPv6", "[2001:db8::2]:1702", control, 2, [3]uint64{}},
		{"another port of the peer's address", "[2001:db8::2]:9999", control, 2, [3]uint64{}},
		{"stranger", "192.0.2.3:1702", control, -1, [3]uint64{1, 0, 0}},
		{"another port of an address of two peers", "192.0.2.2:9999", control, -1, [3]uint64{0, 1, 0}},
		{"data, which belongs into a tunnel", "192.0.2.2:1702", data, -1, [3]uint64{0, 0, 1}},
		{"nothing", "192.0.2.2:1702", nil, -1, [3]uint64{0, 0, 1}},
		{"data of a stranger", "192.0.2.3:1702", data, -1, [3]uint64{1, 0, 0}},

		{"over IP", "192.0.2.4:0", packet, 3, [3]uint64{}},
		{"over IP and UDP: by IP", "192.0.2.5:0", packet, 5, [3]uint64{}},
		{"over IP and UDP: by UDP", "192.0.2.5:1702", control, 4, [3]uint64{}},
		{"over UDP, where IP is wanted", "192.0.2.4:1702", control, -1, [3]uint64{1, 0, 0}},
		{"over IP, where UDP is wanted", "192.0.2.2:0", packet, -1, [3]uint64{0, 1, 0}},
		{"stranger over IP", "192.0.2.3:0", packet, -1, [3]uint64{1, 0, 0}},
		{"data over IP", "192.0.2.4:0", []byte{1, 2, 3, 4, 0xff, 3}, -1, [3]uint64{0, 0, 1}},
		{"session ID 0 alone", "192.0.2.4:0", make([]byte, 4), -1, [3]uint64{0, 0, 1}},
		{"nothing over IP", "192.0.2.4:0", nil, -1, [3]uint64{0, 0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newListener(netip.AddrPort{}, loops, zap.NewNop())
			if from := netip.MustParseAddrPort(tt.from); from.Port() == 0 {
				l.takePacket(tt.datagram, &net.IPAddr{IP: from.Addr().AsSlice()})
			} else {
				l.take(tt.datagram, from)
			}
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

// peersOver are a peer at each address: over UDP, or over IP if the port is 0.
func peersOver(addresses ...string) []*loop {
	var loops []*loop
	for _, address := range addresses {
		a := netip.MustParseAddrPort(address)
		peer := config.Peer{Address: a.Addr(), Port: a.Port()}
		if a.Port() == 0 {
			peer.Encapsulation = config.EncapsulationIP
		}
		loops = append(loops, &loop{
			daemon: &Daemon{admission: newAdmission()}, peer: peer, from: a, mailbox: make(chan func(time.Time), 16),
		})
	}
	return loops
}

// listening opens the sockets for loops whose own address is local.
func listening(local netip.AddrPort, loops []*loop) (*listeners, error) {
	for _, l := range loops {
		l.local = local
	}
	ls := &listeners{log: zap.NewNop(), open: listenPacket, byLocal: make(map[netip.AddrPort]*listener)}
	err := ls.listenFor(loops)
	ls.know(loops)
	return ls, err
}

// Over IP the listener gets the messages to no control connection, and the kernel keeps all else
// from it: of IPv4, where a raw socket gets the IP header too, and of IPv6.
func TestListenerOverIP(t *testing.T) {
	for network, address := range map[string]string{"ip4:115": "127.0.0.1", "ip6:115": "::1"} {
		loops := peersOver(netip.AddrPortFrom(netip.MustParseAddr(address), 0).String())
		l, err := listening(netip.AddrPort{}, loops)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		for _, packet := range []string{
			"\x00\x00\x00\x01\xff\x03\x00\x21 of a user",
			"\x00\x00\x00\x00\xc8\x03\x00\x0c\x00\x00\x00\x01\x00\x00\x00\x00", // to connection 1
			"\x00\x00\x00\x00",
			"",
			"\x00\x00\x00\x00\xc8\x03\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x00",
		} {
			if _, err := conn.Write([]byte(packet)); err != nil {
				t.Fatal(err)
			}
		}
		<-loops[0].mailbox // the last of them
		l.close()
		conn.Close()
		if n := len(loops[0].mailbox) + int(l.strays.stranger.Load()+l.strays.foreignPort.Load()+l.strays.notControl.Load()); n != 0 {
			t.Errorf("%s: %d packets more got through to the listener", network, n)
		}
	}
}

// The socket can be opened before the host has the address, of either kind, and beside another with
// the same port.
func TestListenBeforeTheAddressIsThere(t *testing.T) {
	for _, address := range []string{"192.0.2.77:17020", "[2001:db8::77]:17020", "127.0.0.1:17020"} {
		local := netip.MustParseAddrPort(address)
		for range 2 {
			l, err := listening(local, peersOver(netip.AddrPortFrom(local.Addr().Next(), 0).String(), netip.AddrPortFrom(local.Addr().Next(), 1702).String()))
			if err != nil {
				t.Errorf("%s: %v", address, err)
				continue
			}
			defer l.close()
		}
	}
}
