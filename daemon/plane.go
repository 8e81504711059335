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

// pickPlane picks the configured data plane, or with auto the best that this host supports. It
// fails if the kernel data plane is configured and something that it needs is missing.
func (d *Daemon) pickPlane(has dataplane.Support) error {
	name, reason := string(d.cfg().DataPlane), "as configured"
	switch d.cfg().DataPlane {
	case config.DataPlaneAuto:
		name, reason = has.Pick()
	case config.DataPlaneKernel:
		missing := has.Missing
		if slices.ContainsFunc(d.cfg().Peers, overIP) {
			missing = slices.Concat(missing, has.MissingOverIP)
		}
		if len(missing) > 0 {
			return fmt.Errorf("dataplane: kernel: %s; provide what is missing, or set dataplane: auto", strings.Join(missing, "; "))
		}
	}
	d.plane, d.planeReason, d.support = userspace.Plane{}, reason, has
	if name == (kernel.Plane{}).Name() {
		d.plane = kernel.Plane{}
	}
	return nil
}

// explainPlane returns why the data plane was picked, and why some peers use the other one.
func (d *Daemon) explainPlane() string {
	reason := d.planeReason
	for _, p := range d.cfg().Peers {
		if why := d.notForKernel(p); d.plane == (kernel.Plane{}) && why != "" {
			reason += fmt.Sprintf("; userspace for %s, because %s", p.Name, why)
		}
	}
	return reason
}

func overIP(p config.Peer) bool { return p.Encapsulation == config.EncapsulationIP }

// notForKernel returns why, with auto, the kernel data plane does not carry the links of a peer;
// empty: it does.
//
// Linux 6.1 marks in the control block of a packet that it has forwarded an IPv4 packet, and then
// mistakes the mark for the size of an IPv6 fragment: L2TP over IPv6 sends each such packet in
// fragments of at most 1280 octets. Many networks drop fragments.
func (d *Daemon) notForKernel(p config.Peer) string {
	switch {
	case d.cfg().DataPlane != config.DataPlaneAuto:
	case p.Address.Is6():
		return "over IPv6 the kernel sends IPv4 packets in fragments"
	case overIP(p) && len(d.support.MissingOverIP) > 0:
		return "over IP the kernel lacks support: " + strings.Join(d.support.MissingOverIP, "; ")
	}
	return ""
}

// planeOf returns the data plane for the links of a peer: the daemon's, or userspace if the
// daemon's is the kernel and cannot carry them.
func (d *Daemon) planeOf(p config.Peer) dataplane.Plane {
	if d.plane == (kernel.Plane{}) && d.notForKernel(p) != "" {
		return userspace.Plane{}
	}
	return d.plane
}
