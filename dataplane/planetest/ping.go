package planetest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Pinger sends ICMP echo requests of one version of IP through a session, from one end.
type Pinger struct {
	conn    net.PacketConn
	proto   int
	request icmp.Type
	header  int // octets of IP and ICMP headers
	to      net.Addr
}

// Pinger opens a raw socket in e's virtual router that sends to the other end and never fragments.
func (e *End) Pinger(t testing.TB, other *End, version int) *Pinger {
	t.Helper()
	p := &Pinger{
		proto: unix.IPPROTO_ICMP, request: ipv4.ICMPTypeEcho, header: 20 + 8,
		to: &net.IPAddr{IP: other.Inner4.AsSlice()},
	}
	network, level, option := "ip4:icmp", unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
	if version == 6 {
		zone := fmt.Sprint(e.VR.Link(t, e.Config.Interface).Attrs().Index)
		p = &Pinger{
			proto: unix.IPPROTO_ICMPV6, request: ipv6.ICMPTypeEchoRequest, header: 40 + 8,
			to: &net.IPAddr{IP: other.Inner6.AsSlice(), Zone: zone},
		}
		network, level, option = "ip6:ipv6-icmp", unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
	}
	Must(t, e.VR.Do(func() (err error) {
		if p.conn, err = net.ListenPacket(network, ""); err != nil {
			return err
		}
		raw, err := p.conn.(syscall.Conn).SyscallConn()
		if err != nil {
			return err
		}
		return errors.Join(raw.Control(func(fd uintptr) {
			// Never fragment, whatever path MTU is known.
			err = unix.SetsockoptInt(int(fd), level, option, unix.IP_PMTUDISC_PROBE)
		}), err)
	}))
	t.Cleanup(p.Close)
	return p
}

// Close closes the socket.
func (p *Pinger) Close() { _ = p.conn.Close() }

// payload returns the data of the echo request with a sequence number.
func (p *Pinger) payload(size, seq int) []byte {
	data := make([]byte, size-p.header)
	for i := range data {
		data[i] = byte(i + seq)
	}
	return data
}

// Send sends an echo request in an IP packet of size octets.
func (p *Pinger) Send(size, seq int) error {
	echo := &icmp.Echo{Seq: seq, Data: p.payload(size, seq)}
	message, err := (&icmp.Message{Type: p.request, Body: echo}).Marshal(nil)
	if err != nil {
		return err
	}
	_, err = p.conn.WriteTo(message, p.to)
	return err
}

// Ping sends an echo request in an IP packet of size octets, and waits for the reply to it.
func (p *Pinger) Ping(size, seq int) error {
	if err := p.Send(size, seq); err != nil {
		return err
	}
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := p.conn.ReadFrom(buffer)
		if err != nil {
			return err
		}
		reply, err := icmp.ParseMessage(p.proto, buffer[:n])
		if err != nil {
			return err
		}
		echo, ok := reply.Body.(*icmp.Echo)
		if !ok || reply.Type == p.request || echo.Seq != seq {
			continue
		}
		if want := p.payload(size, seq); !bytes.Equal(echo.Data, want) {
			return fmt.Errorf("reply with data %x, want %x", echo.Data, want)
		}
		return nil
	}
}
