package daemon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
)

// pickPlane takes the data plane that the configuration asks for, or the best that this host has. A
// kernel that is asked for by name and lacks something is an error, which says what would help.
func (d *Daemon) pickPlane(has dataplane.Support) error {
	name, reason := string(d.cfg().DataPlane), "the configuration says so"
	switch d.cfg().DataPlane {
	case config.DataPlaneAuto:
		name, reason = has.Pick()
	case config.DataPlaneKernel:
		missing := has.Missing
		if slices.ContainsFunc(d.cfg().Peers, overIP) {
			missing = slices.Concat(missing, has.MissingOverIP)
		}
		if len(missing) > 0 {
			return fmt.Errorf("dataplane: kernel: %s; mend that, or say dataplane: auto", strings.Join(missing, "; "))
		}
	}
	d.plane, d.planeReason, d.support = userspace.Plane{}, reason, has
	if name == (kernel.Plane{}).Name() {
		d.plane = kernel.Plane{}
	}
	return nil
}

// because is why the data plane is what it is, and is not for some peers.
func (d *Daemon) because() string {
	reason := d.planeReason
	for _, p := range d.cfg().Peers {
		if why := d.notForKernel(p); d.plane == (kernel.Plane{}) && why != "" {
			reason += fmt.Sprintf("; userspace for %s, as %s", p.Name, why)
		}
	}
	return reason
}

func overIP(p config.Peer) bool { return p.Encapsulation == config.EncapsulationIP }

// notForKernel is why the kernel data plane does not carry the links of a peer with auto; empty: it
// does.
//
// Linux 6.1 takes the mark that it has forwarded an IPv4 packet, in the packet's control block, for
// the size of an IPv6 fragment: L2TP over IPv6 then sends each such packet in fragments of 1280
// octets at most. Many networks drop these.
func (d *Daemon) notForKernel(p config.Peer) string {
	switch {
	case d.cfg().DataPlane != config.DataPlaneAuto:
	case p.Address.Is6():
		return "it is reached over IPv6, where the kernel sends IPv4 packets in fragments"
	case overIP(p) && len(d.support.MissingOverIP) > 0:
		return "it is reached over IP: " + strings.Join(d.support.MissingOverIP, "; ")
	}
	return ""
}

// planeOf is what carries the links of a peer: the daemon's data plane, or userspace where that is
// the kernel's and cannot.
func (d *Daemon) planeOf(p config.Peer) dataplane.Plane {
	if d.plane == (kernel.Plane{}) && d.notForKernel(p) != "" {
		return userspace.Plane{}
	}
	return d.plane
}
