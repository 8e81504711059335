package daemon

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
)

// What is asked for counts, then what the kernel has, and for each peer its encapsulation.
func TestPickPlane(t *testing.T) {
	full, lacking := dataplane.Support{}, dataplane.Support{Missing: []string{"no L2TP (modprobe l2tp_netlink)", "no PPP"}}
	const said = "the configuration says so"
	for _, tt := range []struct {
		name      string
		asked     config.DataPlane
		has       dataplane.Support
		plane     string // of the daemon; empty: the error is reason
		overIP    string // of the peer over IP
		because   string
		peersOnIP bool
	}{
		{"auto takes the kernel", config.DataPlaneAuto, full, "kernel", "userspace", "the kernel has L2TP and PPP", false},
		{
			"auto, not for peers over IP", config.DataPlaneAuto, full, "kernel", "userspace",
			"the kernel has L2TP and PPP; userspace for pe3, as its encapsulation is ip", true,
		},
		{"auto, the kernel lacks something", config.DataPlaneAuto, lacking, "userspace", "userspace", "no L2TP (modprobe l2tp_netlink); no PPP", true},
		{"kernel", config.DataPlaneKernel, full, "kernel", "userspace", said, false},
		{
			"kernel, but it lacks something", config.DataPlaneKernel, lacking, "", "",
			"dataplane: kernel: no L2TP (modprobe l2tp_netlink); no PPP; mend that, or say dataplane: auto", false,
		},
		{"userspace though the kernel has all", config.DataPlaneUserspace, full, "userspace", "userspace", said, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			overUDP := config.Peer{Name: "pe2", Encapsulation: config.EncapsulationUDP}
			overIP := config.Peer{Name: "pe3", Encapsulation: config.EncapsulationIP}
			cfg := &config.Config{DataPlane: tt.asked, Peers: []config.Peer{overUDP}}
			if tt.peersOnIP {
				cfg.Peers = append(cfg.Peers, overIP)
			}
			d := &Daemon{cfg: cfg}
			if err := d.pickPlane(tt.has); err != nil {
				if tt.plane != "" || err.Error() != tt.because {
					t.Errorf("error %q, want plane %q, %q", err, tt.plane, tt.because)
				}
				return
			}
			if d.plane.Name() != tt.plane || d.planeReason != tt.because {
				t.Errorf("picked %s: %q; want %s: %q", d.plane.Name(), d.planeReason, tt.plane, tt.because)
			}
			if got := d.planeOf(overUDP).Name(); got != tt.plane {
				t.Errorf("a peer over UDP has %s, want %s", got, tt.plane)
			}
			if got := d.planeOf(overIP).Name(); got != tt.overIP {
				t.Errorf("a peer over IP has %s, want %s", got, tt.overIP)
			}
		})
	}
}
