// Package probe finds out whether this host's kernel has the parts that the kernel data plane uses.
// It is a package of its own so that its test runs on any host: the tests of the kernel data plane
// need a kernel that has all parts.
package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
)

// Detect queries the kernel for L2TP by generic netlink, for PPP by opening /dev/ppp, and for PPP
// over L2TP and L2TP over IP by opening a socket. Each query makes the kernel load the module,
// where it is installed and may be loaded.
func Detect() dataplane.Support {
	var s dataplane.Support
	for _, probe := range []func() error{l2tp, ppp, pppOverL2TP} {
		if err := probe(); err != nil {
			s.Missing = append(s.Missing, err.Error())
		}
	}
	for _, probe := range []func() error{l2tpOverIPv4, l2tpOverIPv6} {
		if err := probe(); err != nil {
			s.MissingOverIP = append(s.MissingOverIP, err.Error())
		}
	}
	return s
}

func l2tp() error {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("cannot query the kernel for L2TP: %w", err)
	}
	defer conn.Close()
	_, err = conn.GetFamily("l2tp")
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("the kernel has no L2TP (generic netlink family l2tp missing: modprobe l2tp_netlink)")
	}
	if err != nil {
		return fmt.Errorf("cannot query the kernel for L2TP: %w", err)
	}
	return nil
}

func ppp() error {
	file, err := os.OpenFile("/dev/ppp", os.O_RDWR, 0)
	switch {
	case err == nil:
		return file.Close()
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return errors.New("the kernel has no PPP (/dev/ppp missing: modprobe ppp_generic)")
	}
	return fmt.Errorf("cannot query the kernel for PPP: %w", err)
}

func pppOverL2TP() error {
	return socket("PPP over L2TP", "l2tp_ppp", unix.AF_PPPOX, uapi.ProtocolL2TP)
}

func l2tpOverIPv4() error {
	return socket("L2TP over IPv4", "l2tp_ip", unix.AF_INET, unix.IPPROTO_L2TP)
}

func l2tpOverIPv6() error {
	return socket("L2TP over IPv6", "l2tp_ip6", unix.AF_INET6, unix.IPPROTO_L2TP)
}

// socket opens a socket of the kind that the named kernel module provides for what.
func socket(what, module string, family, protocol int) error {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	switch {
	case err == nil:
		return unix.Close(fd)
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("the kernel has no %s (socket type not supported: modprobe %s)", what, module)
	}
	return fmt.Errorf("cannot query the kernel for %s: %w", what, err)
}
