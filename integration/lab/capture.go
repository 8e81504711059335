package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Capture writes the packets of an interface, in both directions, to a file that Wireshark reads.
// It is complete: all packets before Stop are in the file, or Stop returns an error.
type Capture struct {
	// File is the path of the capture, complete once Stop has returned.
	File string

	socket *os.File
	file   *os.File
	out    *bufio.Writer
	done   chan error
}

// The file format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-03.html.
const (
	pcapMagicNanoseconds = 0xa1b23c4d
	pcapEthernet         = 1   // LINKTYPE_ETHERNET
	pcapRaw              = 101 // LINKTYPE_RAW: an IP packet, as on a TUN device
	maxFrame             = 1 << 17
	receiveBuffer        = 64 << 20
)

// StartCapture starts a capture at an interface of the namespace. After it returns every packet is
// captured. The file is removed with the lab.
func (l *Lab) StartCapture(n Namespace, iface string) (*Capture, error) {
	file, err := os.Create(filepath.Join(l.Dir, fmt.Sprintf("%s-%s-%s.pcap", n, iface, randomHex(2))))
	if err != nil {
		return nil, err
	}
	socket, linkType, err := openPacketSocket(n, iface)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("capture at %s of namespace %s: %w", iface, n, err)
	}
	c := &Capture{
		File:   file.Name(),
		socket: socket,
		file:   file,
		out:    bufio.NewWriter(file),
		done:   make(chan error, 1),
	}
	c.writeHeader(linkType)
	go func() { c.done <- c.read() }()
	return c, nil
}

// openPacketSocket opens a socket that receives every packet of the interface, and returns the pcap
// link type of its frames.
func openPacketSocket(n Namespace, iface string) (socket *os.File, linkType uint32, err error) {
	err = n.Do(func() error {
		device, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		// Protocol 0 until it is bound, so that no packets of other interfaces are received.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		socket = os.NewFile(uintptr(fd), "packet socket")
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
			return err
		}
		everything := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: device.Index}); err != nil {
			return err
		}
		bound, err := unix.Getsockname(fd)
		if err != nil {
			return err
		}
		linkType = pcapEthernet
		if bound.(*unix.SockaddrLinklayer).Hatype == unix.ARPHRD_NONE {
			linkType = pcapRaw
		}
		return nil
	})
	if err != nil && socket != nil {
		socket.Close()
	}
	return socket, linkType, err
}

// read writes frames to the file until Stop sets the deadline.
func (c *Capture) read() error {
	buf := make([]byte, maxFrame)
	for {
		n, err := c.socket.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if errors.Is(err, unix.ENETDOWN) {
			continue // reported once when the interface goes down; it may come up again
		}
		if err != nil {
			return err
		}
		c.writeFrame(buf[:n])
	}
	return drain(c.socket, buf, c.writeFrame)
}

// drain passes the frames that are still in the socket to handle. It returns an error if frames
// were lost.
func drain(socket *os.File, buf []byte, handle func(frame []byte)) error {
	conn, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			n, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				failed = err
				return
			}
			handle(buf[:n])
		}
		stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil && stats.Drops > 0 {
			err = fmt.Errorf("%d packets were lost", stats.Drops)
		}
		failed = err
	})
	return errors.Join(err, failed)
}

func (c *Capture) writeHeader(linkType uint32) {
	b := binary.LittleEndian.AppendUint32(nil, pcapMagicNanoseconds)
	b = binary.LittleEndian.AppendUint16(b, 2) // version 2.4
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...) // reserved
	b = binary.LittleEndian.AppendUint32(b, maxFrame)
	b = binary.LittleEndian.AppendUint32(b, linkType)
	c.out.Write(b)
}

func (c *Capture) writeFrame(frame []byte) {
	now := time.Now()
	var b [16]byte
	binary.LittleEndian.PutUint32(b[0:], uint32(now.Unix()))
	binary.LittleEndian.PutUint32(b[4:], uint32(now.Nanosecond()))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(frame)))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(frame)))
	c.out.Write(b[:])
	c.out.Write(frame)
}

// Stop ends the capture and completes the file.
func (c *Capture) Stop() error {
	err := c.socket.SetReadDeadline(time.Unix(1, 0))
	err = errors.Join(err, <-c.done, c.socket.Close(), c.out.Flush(), c.file.Close())
	if err != nil {
		return fmt.Errorf("capture %s: %w", filepath.Base(c.File), err)
	}
	return nil
}
