package userspace

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// virtioHeader is the room that a tun.Device wants before a packet written to it, in octets.
const virtioHeader = 10

// openTUN makes a TUN device in the network namespace of the calling thread, down and without
// addresses. It is not tun.CreateTUN that does so: that takes over a persistent device of this
// name, keeps its descriptor, and with it the namespace, when it fails, and keeps two goroutines
// for each device.
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

// createInterface makes fd a TUN device of that name.
func createInterface(fd int, name string, mtu int) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("create TUN device: an interface of this name is there: %w", os.ErrExist)
	} else if err != nil {
		return fmt.Errorf("create TUN device: %w", err)
	}

	// Links are asked about by any socket of the namespace.
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

// batch is the buffers of one reader, laid out one after another in one piece of memory. Each
// reaches to the end of it, so that a packet longer than expected (somebody raised the MTU) runs
// into the next one's buffer and not out of bounds.
type batch struct {
	stride  int
	buffers [][]byte
	sizes   []int
}

// maxPacket is the longest IP packet that a device hands out, in octets.
const maxPacket = 1<<16 - 1

// newBatch makes n buffers, size octets apart, each with room for size octets and the longest
// packet.
func newBatch(n, size int) *batch {
	b := &batch{stride: size, buffers: make([][]byte, n), sizes: make([]int, n)}
	memory := make([]byte, n*size+maxPacket)
	for i := range b.buffers {
		b.buffers[i] = memory[i*size:]
	}
	return b
}
