package listen

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"go.uber.org/zap"
)

// Control messages from the address of a peer are dispatched to that peer, by the port if several
// peers have the address. Everything else is dropped and counted.
func TestListenerDispatches(t *testing.T) {
	peers := peersAt("192.0.2.2:1702", "192.0.2.2:1703", "[2001:db8::2]:1702", "192.0.2.4:0", "192.0.2.5:1702", "192.0.2.5:0")
	control := []byte{0xc8, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0}
	data := []byte{0, 3, 0, 0, 1, 2, 3, 4}
	packet := append(make([]byte, 4), control...)
	for _, tt := range []struct {
		name     string
		from     string // with port 0: over IP
		datagram []byte
		peer     int // index of the receiver; -1: none
		counted  [3]uint64
	}{
		{"control message", "192.0.2.2:1702", control, 0, [3]uint64{}},
		{"another peer at the same address", "192.0.2.2:1703", control, 1, [3]uint64{}},
		{"IPv4 in an IPv6 socket", "[::ffff:192.0.2.2]:1702", control, 0, [3]uint64{}},
		{"IPv6", "[2001:db8::2]:1702", control, 2, [3]uint64{}},
		{"another port of the peer's address", "[2001:db8::2]:9999", control, 2, [3]uint64{}},
		{"unknown sender", "192.0.2.3:1702", control, -1, [3]uint64{1, 0, 0}},
		{"another port of an address of two peers", "192.0.2.2:9999", control, -1, [3]uint64{0, 1, 0}},
		{"data message", "192.0.2.2:1702", data, -1, [3]uint64{0, 0, 1}},
		{"empty datagram", "192.0.2.2:1702", nil, -1, [3]uint64{0, 0, 1}},
		{"data message of an unknown sender", "192.0.2.3:1702", data, -1, [3]uint64{1, 0, 0}},

		{"over IP", "192.0.2.4:0", packet, 3, [3]uint64{}},
		{"peers over IP and UDP: by IP", "192.0.2.5:0", packet, 5, [3]uint64{}},
		{"peers over IP and UDP: by UDP", "192.0.2.5:1702", control, 4, [3]uint64{}},
		{"over UDP from a peer over IP", "192.0.2.4:1702", control, -1, [3]uint64{1, 0, 0}},
		{"over IP from a peer over UDP", "192.0.2.2:0", packet, -1, [3]uint64{0, 1, 0}},
		{"unknown sender over IP", "192.0.2.3:0", packet, -1, [3]uint64{1, 0, 0}},
		{"data message over IP", "192.0.2.4:0", []byte{1, 2, 3, 4, 0xff, 3}, -1, [3]uint64{0, 0, 1}},
		{"session ID 0 only", "192.0.2.4:0", make([]byte, 4), -1, [3]uint64{0, 0, 1}},
		{"empty packet over IP", "192.0.2.4:0", nil, -1, [3]uint64{0, 0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newListener(netip.AddrPort{}, peers, zap.NewNop())
			if from := netip.MustParseAddrPort(tt.from); from.Port() == 0 {
				l.receivePacket(tt.datagram, &net.IPAddr{IP: from.Addr().AsSlice()})
			} else {
				l.Receive(tt.datagram, from)
			}
			for i, p := range peers {
				received := p.Receiver.(mailbox)
				if got := len(received); (got == 1) != (i == tt.peer) {
					t.Errorf("peer %d received %d messages", i, got)
				}
				for len(received) > 0 {
					<-received
				}
			}
			if got := [3]uint64{l.dropped.unknownSender.Load(), l.dropped.foreignPort.Load(), l.dropped.notControl.Load()}; got != tt.counted {
				t.Errorf("counted unknown senders, foreign ports, no control messages %v, want %v", got, tt.counted)
			}
		})
	}
}

// mailbox is a Receiver that keeps messages.
type mailbox chan []byte

func (m mailbox) Receive(message []byte, _ netip.AddrPort) { m <- bytes.Clone(message) }

// peersAt returns a peer at each address: over UDP, or over IP if the port is 0.
func peersAt(addresses ...string) []Peer {
	var peers []Peer
	for _, address := range addresses {
		peers = append(peers, Peer{Receiver: make(mailbox, 16), Remote: netip.MustParseAddrPort(address)})
	}
	return peers
}

// listening opens the sockets for peers whose local address is local.
func listening(local netip.AddrPort, peers []Peer) (*Listeners, error) {
	for i := range peers {
		peers[i].Local = local
	}
	ls := New(zap.NewNop(), OpenSocket)
	err := ls.Open(peers)
	ls.Dispatch(peers)
	return ls, err
}

// Over IP a listener receives the messages to no control connection, and the kernel filters
// everything else: over IPv4, where a raw socket receives the IP header too, and over IPv6.
func TestListenerOverIP(t *testing.T) {
	for network, address := range map[string]string{"ip4:115": "127.0.0.1", "ip6:115": "::1"} {
		peers := peersAt(netip.AddrPortFrom(netip.MustParseAddr(address), 0).String())
		l, err := listening(netip.AddrPort{}, peers)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		for _, packet := range []string{
			"\x00\x00\x00\x01\xff\x03\x00\x21 user packet",
			"\x00\x00\x00\x00\xc8\x03\x00\x0c\x00\x00\x00\x01\x00\x00\x00\x00", // to connection 1
			"\x00\x00\x00\x00",
			"",
			"\x00\x00\x00\x00\xc8\x03\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x00",
		} {
			if _, err := conn.Write([]byte(packet)); err != nil {
				t.Fatal(err)
			}
		}
		received := peers[0].Receiver.(mailbox)
		<-received // the last packet
		l.Close()
		conn.Close()
		n := len(received)
		for _, dropped := range l.Drops() {
			n += int(dropped)
		}
		if n != 0 {
			t.Errorf("%s: the listener received %d packets that the filter must drop", network, n)
		}
	}
}

// A socket can be opened before the host has the address, IPv4 or IPv6, and next to another socket
// with the same port.
func TestListenBeforeAddressExists(t *testing.T) {
	for _, address := range []string{"192.0.2.77:17020", "[2001:db8::77]:17020", "127.0.0.1:17020"} {
		local := netip.MustParseAddrPort(address)
		for range 2 {
			l, err := listening(local, peersAt(netip.AddrPortFrom(local.Addr().Next(), 0).String(), netip.AddrPortFrom(local.Addr().Next(), 1702).String()))
			if err != nil {
				t.Errorf("%s: %v", address, err)
				continue
			}
			defer l.Close()
		}
	}
}
