package kernel

import (
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
	"github.com/l2tpvl/l2tpvl/internal/netns"
)

const devicePPP = "/dev/ppp"

// The network protocols of PPP that Linux supports (linux/ppp_defs.h).
const (
	protocolIPv4          = 0x0021
	protocolAppleTalk     = 0x0029
	protocolIPX           = 0x002b
	protocolIPv6          = 0x0057
	protocolMPLS          = 0x0281
	protocolMPLSMulticast = 0x0283
)

// channel is the PPP channel of a session. Frames are sent through it. It receives the frames of
// LCP and authentication (protocol 0xc000 and above), and all frames while it has no unit.
type channel struct {
	socket int // of AF_PPPOX; closing it ends the session
	*os.File
}

// openChannel opens the channel of a session in the kernel. The calling thread must be in the
// namespace of the tunnel.
func openChannel(of uapi.Session) (c channel, err error) {
	c.socket, err = unix.Socket(unix.AF_PPPOX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, uapi.ProtocolL2TP)
	if err != nil {
		return channel{}, fmt.Errorf("open PPP over L2TP socket (modprobe l2tp_ppp): %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(c.socket))
		}
	}()
	if err := of.Connect(c.socket); err != nil {
		return channel{}, fmt.Errorf("connect PPP over L2TP socket: %w", err)
	}
	number, err := unix.IoctlGetInt(c.socket, unix.PPPIOCGCHAN)
	if err != nil {
		return channel{}, fmt.Errorf("query the PPP channel: %w", err)
	}
	fd, err := openDevice()
	if err != nil {
		return channel{}, err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.PPPIOCATTCHAN, number); err != nil {
		return channel{}, errors.Join(fmt.Errorf("attach to PPP channel %d: %w", number, err), unix.Close(fd))
	}
	// Only now: the poller of the Go runtime gets no events for a file without a channel.
	c.File = os.NewFile(uintptr(fd), devicePPP)
	return c, nil
}

func openDevice() (fd int, err error) {
	fd, err = unix.Open(devicePPP, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: devicePPP, Err: err}
	}
	return fd, nil
}

// close ends the channel and its session.
func (c channel) close() error { return errors.Join(c.Close(), unix.Close(c.socket)) }

// connect connects the channel with a unit.
func (c channel) connect(unit int) error {
	number, err := unix.IoctlGetInt(unit, unix.PPPIOCGUNIT)
	if err != nil {
		return fmt.Errorf("query the PPP unit: %w", err)
	}
	return control(c.File, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.PPPIOCCONNECT, number); err != nil {
			return fmt.Errorf("connect PPP channel and unit %d: %w", number, err)
		}
		return nil
	})
}

// createInterface creates the interface of a session, with all network protocols closed, and
// returns its unit. Received frames that are not for the channel and not IP packets are read from
// the unit. The kernel deletes the interface when the unit is closed.
func (t *tunnel) createInterface(cfg dataplane.SessionConfig, of channel) (*os.File, error) {
	// A socket for each call: with one at a time, 50 interfaces a second would be possible.
	var routes *netlink.Conn
	err := netns.Do(t.home, func() (err error) {
		routes, err = netlink.Dial(unix.NETLINK_ROUTE, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	defer routes.Close()
	unit, err := openDevice()
	if err != nil {
		return nil, err
	}
	err = cfg.Namespace.Do(func() error {
		return t.retryWhile(unix.EBUSY, func() error { return newLink(routes, cfg, unit) })
	})
	if err == nil {
		err = closeAll(unit)
	}
	if err == nil {
		err = of.connect(unit)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(unit))
	}
	// Only now: reading a unit without a channel returns the end of the file.
	return os.NewFile(uintptr(unit), devicePPP), nil
}

// newLink creates the interface in the network namespace of the calling thread. Its unit belongs to
// the namespace of the socket routes.
func newLink(routes *netlink.Conn, cfg dataplane.SessionConfig, unit int) error {
	const path = "/proc/thread-self/ns/net"
	namespace, err := os.Open(path)
	if err != nil {
		return err
	}
	defer namespace.Close()
	request, err := uapi.Interface{Name: cfg.Interface, MTU: cfg.MTU, Unit: unit, Namespace: int(namespace.Fd())}.Create()
	if err != nil {
		return err
	}
	_, err = routes.Execute(request)
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("create PPP interface: an interface with this name exists: %w", os.ErrExist)
	case err != nil:
		return fmt.Errorf("create PPP interface with MTU %d: %w", cfg.MTU, err)
	}
	return nil
}

// closeAll closes all network protocols that Linux supports. A new unit has all of them open,
// without an NCP.
func closeAll(unit int) error {
	for _, number := range []uint16{protocolIPv4, protocolIPv6, protocolAppleTalk, protocolIPX, protocolMPLS, protocolMPLSMulticast} {
		if err := uapi.SetMode(unit, number, uapi.Drop); err != nil {
			return fmt.Errorf("close network protocol %#04x: %w", number, err)
		}
	}
	return nil
}

// setOpen sets the network protocols that pass the unit's interface, in both directions.
func setOpen(unit int, p dataplane.Protocols) error {
	var errs []error
	for protocol, number := range map[dataplane.Protocols]uint16{dataplane.IPv4: protocolIPv4, dataplane.IPv6: protocolIPv6} {
		mode := uapi.Drop
		if p.Has(protocol) {
			mode = uapi.Pass
		}
		if err := uapi.SetMode(unit, number, mode); err != nil {
			errs = append(errs, fmt.Errorf("open or close network protocol %#04x: %w", number, err))
		}
	}
	return errors.Join(errs...)
}

// control runs f with the file's descriptor.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(controlErr, err)
}
