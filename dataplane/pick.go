package dataplane

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"
)

// Support is what the kernel of this host has for a kernel data plane.
type Support struct {
	// Missing says of each thing that the kernel has not, in a sentence, what it is and what would
	// help.
	Missing []string

	// MissingOverIP is the same of what it needs for peers over IP besides.
	MissingOverIP []string
}

// Kernel reports whether the kernel has all that a kernel data plane needs.
func (s Support) Kernel() bool { return len(s.Missing) == 0 }

// Pick is what `dataplane: auto` takes: the name of the plane and the reason, in one line.
func (s Support) Pick() (name, reason string) {
	if s.Kernel() {
		return "kernel", "the kernel has L2TP and PPP"
	}
	return "userspace", strings.Join(s.Missing, "; ")
}

// Detect asks the kernel for L2TP by generic netlink, for PPP by /dev/ppp, and for PPP over L2TP
// and L2TP over IP by a socket. To be asked has it load its modules, where it may and has them.
func Detect() Support {
	var s Support
	for _, probe := range []func() error{probeL2TP, probePPP, probePPPoverL2TP} {
		if err := probe(); err != nil {
			s.Missing = append(s.Missing, err.Error())
		}
	}
	for _, probe := range []func() error{probeL2TPoverIPv4, probeL2TPoverIPv6} {
		if err := probe(); err != nil {
			s.MissingOverIP = append(s.MissingOverIP, err.Error())
		}
	}
	return s
}

func probeL2TP() error {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("the kernel's L2TP cannot be asked for: %w", err)
	}
	defer conn.Close()
	_, err = conn.GetFamily("l2tp")
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("the kernel has no L2TP (no generic netlink family l2tp: modprobe l2tp_netlink)")
	}
	if err != nil {
		return fmt.Errorf("the kernel's L2TP cannot be asked for: %w", err)
	}
	return nil
}

func probePPP() error {
	file, err := os.OpenFile("/dev/ppp", os.O_RDWR, 0)
	switch {
	case err == nil:
		return file.Close()
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return errors.New("the kernel has no PPP (no /dev/ppp: modprobe ppp_generic)")
	}
	return fmt.Errorf("the kernel's PPP cannot be asked for: %w", err)
}

// protocolOL2TP is PX_PROTO_OL2TP of linux/if_pppox.h.
const protocolOL2TP = 1

func probePPPoverL2TP() error {
	return probeSocket("PPP over L2TP", "l2tp_ppp", unix.AF_PPPOX, protocolOL2TP)
}

func probeL2TPoverIPv4() error {
	return probeSocket("L2TP over IPv4", "l2tp_ip", unix.AF_INET, unix.IPPROTO_L2TP)
}

func probeL2TPoverIPv6() error {
	return probeSocket("L2TP over IPv6", "l2tp_ip6", unix.AF_INET6, unix.IPPROTO_L2TP)
}

// probeSocket opens a socket for what, which that module has.
func probeSocket(what, module string, family, protocol int) error {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	switch {
	case err == nil:
		return unix.Close(fd)
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("the kernel has no %s (no such socket: modprobe %s)", what, module)
	}
	return fmt.Errorf("the kernel's %s cannot be asked for: %w", what, err)
}
