package dataplane

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/mdlayher/genetlink"
)

// Support is what the kernel of this host has for a kernel data plane.
type Support struct {
	// Missing says of each thing that the kernel has not, in a sentence, what it is and what would help.
	Missing []string
}

// Kernel reports whether the kernel has all that a kernel data plane needs.
func (s Support) Kernel() bool { return len(s.Missing) == 0 }

// Pick is what `dataplane: auto` takes: the name of the plane and the reason, in one line.
func (s Support) Pick() (name, reason string) {
	if s.Kernel() {
		return "userspace", "the kernel has L2TP and PPP, but the kernel data plane is not built yet"
	}
	return "userspace", strings.Join(s.Missing, "; ")
}

// Detect asks the kernel for L2TP by generic netlink, and for PPP by /dev/ppp.
func Detect() Support {
	var s Support
	for _, probe := range []func() error{probeL2TP, probePPP} {
		if err := probe(); err != nil {
			s.Missing = append(s.Missing, err.Error())
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
		return errors.New("the kernel has no L2TP (no generic netlink family l2tp: load l2tp_netlink)")
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
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return errors.New("the kernel has no PPP (no /dev/ppp: load ppp_generic)")
	}
	return fmt.Errorf("the kernel's PPP cannot be asked for: %w", err)
}
