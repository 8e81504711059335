package peersocket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// ProtocolL2TP is the IP protocol number of L2TP (RFC 3931, section 4.1.1).
const ProtocolL2TP = 115

// Raw is a raw socket for IP protocol 115 that is connected to a peer and never fragments. Every
// other matching raw socket also receives the packets of the peer.
type Raw struct {
	*net.IPConn
	peer netip.Addr
}

// DialRaw opens a raw socket to the peer.
func DialRaw(local, peer netip.Addr) (*Raw, error) {
	peer = peer.Unmap()
	if !peer.IsValid() {
		return nil, fmt.Errorf("peer %v: want an address", peer)
	}
	family, address, err := between(local, peer)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{LocalAddr: &net.IPAddr{IP: address.AsSlice(), Zone: address.Zone()}, Control: prepare}
	conn, err := dialer.Dial(fmt.Sprintf("ip%s:%d", family, ProtocolL2TP), peer.String())
	if err != nil {
		return nil, err
	}
	s := &Raw{conn.(*net.IPConn), peer}
	// Drop the packets of any sender that the socket received before it was connected.
	err = control(s, func(fd int) error {
		for {
			if _, _, err := unix.Recvfrom(fd, nil, unix.MSG_DONTWAIT); errors.Is(err, unix.EAGAIN) {
				return nil
			}
		}
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// ReceiveOnlyControl makes the kernel drop packets with another session ID than 0 (RFC 3931,
// section 4.1.1.2), because copying data messages that another socket handles would cost time. A
// filter sees an IPv4 packet with its header, an IPv6 packet without.
func (s *Raw) ReceiveOnlyControl() error {
	sessionID := []bpf.Instruction{bpf.LoadAbsolute{Off: 0, Size: 4}}
	if s.peer.Is4() {
		sessionID = []bpf.Instruction{bpf.LoadMemShift{Off: 0}, bpf.LoadIndirect{Off: 0, Size: 4}}
	}
	filter, err := bpf.Assemble(append(sessionID,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 18}, // octets, longer than any packet
		bpf.RetConstant{Val: 0},
	))
	if err == nil {
		err = ipv4.NewPacketConn(s.IPConn).SetBPF(filter) // SetBPF works for IPv6, too
	}
	if err != nil {
		return fmt.Errorf("set filter of raw socket: %w", err)
	}
	return nil
}

// Receive waits for a packet and reads it into b. The payload of its IP header is b[from:to].
func (s *Raw) Receive(b []byte) (from, to int, err error) {
	to, err = s.Read(b)
	if s.peer.Is4() && to > 0 { // IPv6 sockets omit the header (RFC 3542, section 3)
		from = min(int(b[0]&0x0f)*4, to)
	}
	return from, to, err
}

// LocalAddrPort returns the address that the peer sees, with port 0.
func (s *Raw) LocalAddrPort() netip.AddrPort {
	a := s.LocalAddr().(*net.IPAddr)
	addr, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(addr.Unmap().WithZone(a.Zone), 0)
}

// PathMTU returns the kernel's path MTU to the peer, in octets of IP packet.
func (s *Raw) PathMTU() (int, error) { return pathMTU(s, s.peer) }
