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

// InjectedTTL is the time to live, or hop limit, of packets that a test injects: a LeakWatch leaves
// them aside.
const InjectedTTL = 77

// ProtectedFlow is what must not be seen in clear: packets between the two addresses whose UDP
// source or destination is one of the ports; without ports those of protocol 115.
type ProtectedFlow struct {
	A, B  netip.Addr
	Ports []uint16
}

// LeakWatch looks at every packet that passes an interface, both ways, for as long as it runs.
type LeakWatch struct {
	flows  []ProtectedFlow
	socket *os.File
	done   chan error

	mu   sync.Mutex
	seen Seen
	esp  map[netip.Addr][]byte
}

// Seen is what a LeakWatch has seen between the addresses of its flows.
type Seen struct {
	ESP   int      // packets of ESP, in UDP too
	Clear int      // packets of L2TP in clear that are of no protected flow
	Leaks int      // packets of a protected flow in clear, and ICMP errors that quote such
	First []string // the first leaks, in words
}

// WatchLeaks begins to look at an interface of the namespace. It returns once no further packet is
// missed.
func (l *Lab) WatchLeaks(n Namespace, iface string, flows ...ProtectedFlow) (*LeakWatch, error) {
	socket, _, err := openPacketSocket(n, iface)
	if err != nil {
		return nil, fmt.Errorf("watching %s of %s: %w", iface, n, err)
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

// Seen is what was seen so far.
func (w *LeakWatch) Seen() Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	seen.First = slices.Clone(seen.First)
	return seen
}

// LastESP is the last packet of ESP to an address, without its IP header; nil: there was none.
func (w *LeakWatch) LastESP(to netip.Addr) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.esp[to])
}

// Stop ends the watch. What was lost for want of room is an error: it might have been a leak.
func (w *LeakWatch) Stop() (Seen, error) {
	err := errors.Join(w.socket.SetReadDeadline(time.Unix(1, 0)), <-w.done, w.socket.Close())
	return w.Seen(), err
}

// look sorts an Ethernet frame.
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

func (f ProtectedFlow) has(p ipPacket) bool {
	if len(f.Ports) == 0 {
		return p.protocol == unix.IPPROTO_L2TP
	}
	return p.protocol == unix.IPPROTO_UDP && (slices.Contains(f.Ports, p.ports[0]) || slices.Contains(f.Ports, p.ports[1]))
}

// ipPacket is an IP packet, or a fragment. Ports are 0 if it has none.
type ipPacket struct {
	from, to netip.Addr
	protocol byte
	ttl      byte
	ports    [2]uint16
	payload  []byte
}

// quoted is the packet that an ICMP error is about, of which it has the beginning (RFC 792, RFC
// 4443).
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

// parseIP finds the IP packet in an Ethernet frame.
func parseIP(frame []byte) (p ipPacket, ok bool) {
	const ethernet = 14
	if len(frame) < ethernet {
		return p, false
	}
	return parsePacket(binary.BigEndian.Uint16(frame[12:]), frame[ethernet:])
}

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
