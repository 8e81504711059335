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

// The network protocols that Linux knows in PPP (linux/ppp_defs.h).
const (
	protocolIPv4          = 0x0021
	protocolAppleTalk     = 0x0029
	protocolIPX           = 0x002b
	protocolIPv6          = 0x0057
	protocolMPLS          = 0x0281
	protocolMPLSMulticast = 0x0283
)

// channel is the PPP channel on a session: all frames that it sends, and those that it gets whose
// protocol is of LCP's and authentication's kind (0xc000 and above), or all while it has no unit.
type channel struct {
	socket int // of AF_PPPOX; the session ends with it
	*os.File
}

// openChannel makes the channel of a session that the kernel has. The calling thread is where the
// tunnel is.
func openChannel(of uapi.Session) (c channel, err error) {
	c.socket, err = unix.Socket(unix.AF_PPPOX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, uapi.ProtocolL2TP)
	if err != nil {
		return channel{}, fmt.Errorf("open PPP over L2TP socket (load l2tp_ppp): %w", err)
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
		return channel{}, fmt.Errorf("ask for the PPP channel: %w", err)
	}
	fd, err := openDevice()
	if err != nil {
		return channel{}, err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.PPPIOCATTCHAN, number); err != nil {
		return channel{}, errors.Join(fmt.Errorf("attach to PPP channel %d: %w", number, err), unix.Close(fd))
	}
	// Not before: the kernel has nothing to say to a poller of a file that is attached to nothing.
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

// connect makes the channel that of a unit.
func (c channel) connect(unit int) error {
	number, err := unix.IoctlGetInt(unit, unix.PPPIOCGUNIT)
	if err != nil {
		return fmt.Errorf("ask for the PPP unit: %w", err)
	}
	return control(c.File, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.PPPIOCCONNECT, number); err != nil {
			return fmt.Errorf("connect PPP channel and unit %d: %w", number, err)
		}
		return nil
	})
}

// createInterface makes the interface of a session, all network protocols closed, with the unit
// behind it. The unit is the reading end of the frames that the channel gets with it and that are
// no IP packets. They end with the interface, which goes when the unit is closed.
func (t *tunnel) createInterface(cfg dataplane.SessionConfig, of channel) (*os.File, error) {
	var routes *netlink.Conn // of its own: one at a time would be 50 interfaces in a second
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
		return t.persist(unix.EBUSY, func() error { return newLink(routes, cfg, unit) })
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
	// Not before: a unit without a channel reads as at its end.
	return os.NewFile(uintptr(unit), devicePPP), nil
}

// newLink makes the interface in the network namespace of the calling thread; its unit is where
// routes is.
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
		return fmt.Errorf("create PPP interface: an interface of this name is there: %w", os.ErrExist)
	case err != nil:
		return fmt.Errorf("create PPP interface with MTU %d: %w", cfg.MTU, err)
	}
	return nil
}

// closeAll closes all network protocols that Linux would take without an NCP: it begins with all
// open.
func closeAll(unit int) error {
	for _, number := range []uint16{protocolIPv4, protocolIPv6, protocolAppleTalk, protocolIPX, protocolMPLS, protocolMPLSMulticast} {
		if err := uapi.SetMode(unit, number, uapi.Drop); err != nil {
			return fmt.Errorf("close network protocol %#04x: %w", number, err)
		}
	}
	return nil
}

// setOpen says which network protocols pass the unit's interface, both ways.
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
