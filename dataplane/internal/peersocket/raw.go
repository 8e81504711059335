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

// ProtocolL2TP is the IP protocol number of L2TP (RFC 3931 section 4.1.1).
const ProtocolL2TP = 115

// Raw is a raw socket of IP protocol 115 that is connected to a peer and never fragments. Every
// other raw socket that suits gets what the peer sends, too.
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
	// Before it was connected, the socket took packets from anybody.
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

// TakeControlOnly has the kernel drop all that is not of session ID 0 (RFC 3931 section 4.1.1.2):
// what is another's to carry costs next to nothing here. An IPv4 packet comes to a filter with its
// header, an IPv6 packet without.
func (s *Raw) TakeControlOnly() error {
	sessionID := []bpf.Instruction{bpf.LoadAbsolute{Off: 0, Size: 4}}
	if s.peer.Is4() {
		sessionID = []bpf.Instruction{bpf.LoadMemShift{Off: 0}, bpf.LoadIndirect{Off: 0, Size: 4}}
	}
	filter, err := bpf.Assemble(append(sessionID,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 18}, // octets, more than any packet has
		bpf.RetConstant{Val: 0},
	))
	if err == nil {
		err = ipv4.NewPacketConn(s.IPConn).SetBPF(filter) // of a socket of either protocol
	}
	if err != nil {
		return fmt.Errorf("filter what comes to the raw socket: %w", err)
	}
	return nil
}

// Receive waits for a packet and puts it into b. What follows its IP header is b[from:to].
func (s *Raw) Receive(b []byte) (from, to int, err error) {
	to, err = s.Read(b)
	if s.peer.Is4() && to > 0 { // IPv6 ones leave the header out (RFC 3542 section 3)
		from = min(int(b[0]&0x0f)*4, to)
	}
	return from, to, err
}

// LocalAddrPort is the address that the peer sees, with port 0.
func (s *Raw) LocalAddrPort() netip.AddrPort {
	a := s.LocalAddr().(*net.IPAddr)
	addr, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(addr.Unmap().WithZone(a.Zone), 0)
}

// PathMTU is what the kernel knows about the path to the peer, in octets of IP packet.
func (s *Raw) PathMTU() (int, error) { return pathMTU(s, s.peer) }
