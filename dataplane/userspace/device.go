package userspace

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// virtioHeader is the space in octets that a tun.Device needs before a packet that it writes.
const virtioHeader = 10

// openTUN creates a TUN device in the network namespace of the calling thread, down and without
// addresses. tun.CreateTUN does not serve: it takes over a persistent device of this name; when it
// fails it leaves its descriptor open, and so the namespace; and it runs two goroutines for each
// device.
func openTUN(name string, mtu int) (tun.Device, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
	}
	if err := createInterface(fd, name, mtu); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	device, _, err := tun.CreateUnmonitoredTUNFromFD(fd)
	return device, err
}

// createInterface creates a TUN device with a name and an MTU in octets for the descriptor fd.
func createInterface(fd int, name string, mtu int) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("create TUN device: an interface with this name exists: %w", os.ErrExist)
	} else if err != nil {
		return fmt.Errorf("create TUN device: %w", err)
	}

	// Any socket of the namespace can set the MTU.
	sock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(sock)
	req.SetUint32(uint32(mtu))
	if err := unix.IoctlIfreq(sock, unix.SIOCSIFMTU, req); err != nil {
		return fmt.Errorf("set MTU %d: %w", mtu, err)
	}
	return nil
}

// batch contains the buffers of one reader, one after another in one piece of memory. Each extends
// to the end of it, so that a packet that is longer than expected, because the operator has raised
// the MTU, overwrites the next buffer and nothing else.
type batch struct {
	stride  int
	buffers [][]byte
	sizes   []int
}

// maxPacket is the length of the longest IP packet from a device in octets.
const maxPacket = 1<<16 - 1

// newBatch returns n buffers, size octets apart, each with room for size octets and the longest
// packet.
func newBatch(n, size int) *batch {
	b := &batch{stride: size, buffers: make([][]byte, n), sizes: make([]int, n)}
	memory := make([]byte, n*size+maxPacket)
	for i := range b.buffers {
		b.buffers[i] = memory[i*size:]
	}
	return b
}
