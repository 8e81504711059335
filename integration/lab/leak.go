package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// InjectedTTL is the time to live, or hop limit, of packets that tests inject. A LeakWatch ignores
// packets with this value.
const InjectedTTL = 77

// ProtectedFlow describes packets that must not be seen unencrypted: packets between the two
// addresses with one of Ports as UDP source or destination or, without Ports, of IP protocol 115.
type ProtectedFlow struct {
	A, B  netip.Addr
	Ports []uint16
}

// LeakWatch examines every packet of an interface, in both directions, while it runs.
type LeakWatch struct {
	flows  []ProtectedFlow
	socket *os.File
	done   chan error

	mu   sync.Mutex
	seen Seen
	esp  map[netip.Addr][]byte
}

// Seen counts the packets that a LeakWatch has seen between the addresses of its flows.
type Seen struct {
	ESP   int      // ESP packets, also in UDP
	Clear int      // unencrypted L2TP packets that belong to no protected flow
	Leaks int      // unencrypted packets of a protected flow, and ICMP errors that quote them
	First []string // descriptions of the first leaks
}

// WatchLeaks starts a LeakWatch at an interface of the namespace. After it returns every packet is
// examined.
func (l *Lab) WatchLeaks(n Namespace, iface string, flows ...ProtectedFlow) (*LeakWatch, error) {
	socket, _, err := openPacketSocket(n, iface)
	if err != nil {
		return nil, fmt.Errorf("watch for leaks at %s of namespace %s: %w", iface, n, err)
	}
	w := &LeakWatch{flows: flows, socket: socket, done: make(chan error, 1), esp: map[netip.Addr][]byte{}}
	go func() { w.done <- w.read() }()
	return w, nil
}

func (w *LeakWatch) read() error {
	buf := make([]byte, maxFrame)
	for {
		n, err := w.socket.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return drain(w.socket, buf, w.look)
		}
		if errors.Is(err, unix.ENETDOWN) {
			continue
		}
		if err != nil {
			return err
		}
		w.look(buf[:n])
	}
}

// Seen returns the counts so far.
func (w *LeakWatch) Seen() Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	seen.First = slices.Clone(seen.First)
	return seen
}

// LastESP returns the last ESP packet to an address, without its IP header, or nil.
func (w *LeakWatch) LastESP(to netip.Addr) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.esp[to])
}

// Stop ends the watch. It returns an error if packets were lost, because they could be leaks.
func (w *LeakWatch) Stop() (Seen, error) {
	err := errors.Join(w.socket.SetReadDeadline(time.Unix(1, 0)), <-w.done, w.socket.Close())
	return w.Seen(), err
}

// look classifies and counts the packet in an Ethernet frame.
func (w *LeakWatch) look(frame []byte) {
	p, ok := parseIP(frame)
	if !ok || p.ttl == InjectedTTL {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	between := false
	for _, f := range w.flows {
		if p.from != f.A && p.from != f.B || p.to != f.A && p.to != f.B {
			continue
		}
		between = true
		about, quotes := p.quoted()
		if f.has(p) || quotes && f.has(about) {
			w.seen.Leaks++
			if len(w.seen.First) < 5 {
				w.seen.First = append(w.seen.First, fmt.Sprintf("%s protocol %d %s:%d > %s:%d, %d octets: % x", time.Now().Format("15:04:05.000"),
					p.protocol, p.from, p.ports[0], p.to, p.ports[1], len(p.payload), p.payload[:min(len(p.payload), 24)]))
			}
			return
		}
	}
	switch {
	case !between:
	case p.protocol == unix.IPPROTO_ESP, p.protocol == unix.IPPROTO_UDP && slices.Contains(p.ports[:], 4500):
		w.seen.ESP++
		w.esp[p.to] = append(w.esp[p.to][:0], p.payload...)
	case p.protocol == unix.IPPROTO_L2TP, p.protocol == unix.IPPROTO_UDP && !slices.Contains(p.ports[:], 500):
		w.seen.Clear++
	}
}

// has reports whether a packet between the addresses of the flow belongs to it.
func (f ProtectedFlow) has(p ipPacket) bool {
	if len(f.Ports) == 0 {
		return p.protocol == unix.IPPROTO_L2TP
	}
	return p.protocol == unix.IPPROTO_UDP && (slices.Contains(f.Ports, p.ports[0]) || slices.Contains(f.Ports, p.ports[1]))
}

// ipPacket is an IP packet or a fragment. The ports are 0 if it has none.
type ipPacket struct {
	from, to netip.Addr
	protocol byte
	ttl      byte
	ports    [2]uint16
	payload  []byte
}

// quoted returns the packet to which an ICMP error refers. The error has the start of that packet
// (RFC 792, RFC 4443).
func (p ipPacket) quoted() (about ipPacket, ok bool) {
	const header = 8
	if len(p.payload) <= header || p.protocol != unix.IPPROTO_ICMP && p.protocol != unix.IPPROTO_ICMPV6 {
		return about, false
	}
	kind := uint16(unix.ETH_P_IP)
	if p.from.Is6() {
		kind = unix.ETH_P_IPV6
	}
	return parsePacket(kind, p.payload[header:])
}

// parseIP returns the IP packet in an Ethernet frame.
func parseIP(frame []byte) (p ipPacket, ok bool) {
	const ethernet = 14
	if len(frame) < ethernet {
		return p, false
	}
	return parsePacket(binary.BigEndian.Uint16(frame[12:]), frame[ethernet:])
}

// parsePacket returns the IP packet in the payload of an Ethernet frame. kind is its EtherType.
func parsePacket(kind uint16, b []byte) (p ipPacket, ok bool) {
	if len(b) < 20 {
		return p, false
	}
	switch kind {
	case unix.ETH_P_IP:
		p.from, p.to = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
		p.protocol, p.ttl = b[9], b[8]
		header := int(b[0]&0xf) * 4
		if len(b) < header {
			return p, false
		}
		p.payload = b[header:]
		if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 { // a later fragment has no ports
			return p, true
		}
	case unix.ETH_P_IPV6:
		if len(b) < 40 {
			return p, false
		}
		p.from, p.to = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
		p.protocol, p.ttl, p.payload = b[6], b[7], b[40:]
		if p.protocol == unix.IPPROTO_FRAGMENT && len(p.payload) >= 8 {
			first := binary.BigEndian.Uint16(p.payload[2:])&0xfff8 == 0
			p.protocol, p.payload = p.payload[0], p.payload[8:]
			if !first {
				return p, true
			}
		}
	default:
		return p, false
	}
	if p.protocol == unix.IPPROTO_UDP && len(p.payload) >= 8 {
		p.ports = [2]uint16{binary.BigEndian.Uint16(p.payload), binary.BigEndian.Uint16(p.payload[2:])}
	}
	return p, true
}
