package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Inject sends one UDP datagram over IPv4 from inside the namespace. The source address and port
// may be any, also those of other hosts or of sockets in use.
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

// udpPacket returns the IPv4 packet of a datagram. The kernel fills in the checksum and the
// identification of the header.
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

// InjectFrame sends an IP packet from an interface of the namespace to a hardware address. The
// packet bypasses the routes, firewall and IPsec of the namespace.
func (n Namespace) InjectFrame(iface string, to net.HardwareAddr, packet []byte) error {
	err := n.Do(func() error {
		device, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		kind := uint16(unix.ETH_P_IP)
		if packet[0]>>4 == 6 {
			kind = unix.ETH_P_IPV6
		}
		protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, kind))
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		address := &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: device.Index, Halen: uint8(len(to))}
		copy(address.Addr[:], to)
		return unix.Sendto(fd, packet, 0, address)
	})
	if err != nil {
		return fmt.Errorf("injecting a frame at %s of %s: %w", iface, n, err)
	}
	return nil
}

// HardwareAddr returns the hardware address of an interface of the namespace.
func (n Namespace) HardwareAddr(iface string) (address net.HardwareAddr, err error) {
	err = n.Do(func() error {
		device, err := net.InterfaceByName(iface)
		if err == nil {
			address = device.HardwareAddr
		}
		return err
	})
	return address, err
}

// IPPacket returns an IPv4 or IPv6 packet, depending on its addresses, with the time to live or hop
// limit InjectedTTL.
func IPPacket(from, to netip.Addr, protocol byte, payload []byte) []byte {
	if from.Is6() {
		b := []byte{0x60, 0, 0, 0}
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
		b = append(b, protocol, InjectedTTL)
		return slices.Concat(b, from.AsSlice(), to.AsSlice(), payload)
	}
	b := []byte{0x45, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(payload)))
	b = append(b, 0, 0, 0, 0, InjectedTTL, protocol, 0, 0)
	b = slices.Concat(b, from.AsSlice(), to.AsSlice())
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	return append(b, payload...)
}

// UDPDatagram returns a UDP datagram without its IP header. It has a checksum, which IPv6 requires.
func UDPDatagram(from, to netip.AddrPort, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	b = append(append(b, 0, 0), payload...)
	pseudo := slices.Concat(from.Addr().AsSlice(), to.Addr().AsSlice(), []byte{0, unix.IPPROTO_UDP})
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(b)))
	sum := checksum(append(pseudo, b...))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// checksum returns the internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for i, octet := range b {
		if i%2 == 0 {
			sum += uint32(octet) << 8
		} else {
			sum += uint32(octet)
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
