package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Inject sends one UDP datagram over IPv4 from inside the namespace, from any source address and port, whether or not
// they are ours and in use.
func (n Namespace) Inject(from, to netip.AddrPort, payload []byte) error {
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, udpPacket(from, to, payload), 0, &unix.SockaddrInet4{Addr: to.Addr().As4()})
	})
	if err != nil {
		return fmt.Errorf("injecting a datagram from %s to %s: %w", from, to, err)
	}
	return nil
}

// udpPacket is the IPv4 packet of a datagram. The kernel fills in the header's checksum and identification.
func udpPacket(from, to netip.AddrPort, payload []byte) []byte {
	const ipHeader, udpHeader, ttl = 20, 8, 64
	b := []byte{0x45, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(ipHeader+udpHeader+len(payload)))
	b = append(b, 0, 0, 0, 0, ttl, unix.IPPROTO_UDP, 0, 0)
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(payload)))
	b = append(b, 0, 0) // no checksum (RFC 768)
	return append(b, payload...)
}
