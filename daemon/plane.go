package daemon

import (
	"fmt"
	"strings"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
)

// pickPlane takes the data plane that the configuration asks for, or the best that this host has. A kernel that is asked
// for by name and lacks something is an error, which says what would help.
func (d *Daemon) pickPlane(has dataplane.Support) error {
	name, reason := string(d.cfg.DataPlane), "the configuration says so"
	switch {
	case d.cfg.DataPlane == config.DataPlaneAuto:
		name, reason = has.Pick()
	case d.cfg.DataPlane == config.DataPlaneKernel && !has.Kernel():
		return fmt.Errorf("dataplane: kernel: %s; mend that, or say dataplane: auto", strings.Join(has.Missing, "; "))
	}
	d.plane, d.planeReason = userspace.Plane{}, reason
	if name == (kernel.Plane{}).Name() {
		d.plane = kernel.Plane{}
	}
	for _, p := range d.cfg.Peers {
		if other := d.planeOf(p); other != d.plane {
			d.planeReason += fmt.Sprintf("; %s for %s, as its encapsulation is %s", other.Name(), p.Name, p.Encapsulation)
		}
	}
	return nil
}

// planeOf is what carries the links of a peer: the daemon's data plane, but for peers over IP in place of the kernel's,
// which has UDP alone.
func (d *Daemon) planeOf(p config.Peer) dataplane.Plane {
	if d.plane == (kernel.Plane{}) && p.Encapsulation == config.EncapsulationIP {
		return userspace.Plane{}
	}
	return d.plane
}
