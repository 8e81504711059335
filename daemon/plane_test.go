package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
)

// What is asked for counts, then what the kernel has, and for each peer how it is reached.
func TestPickPlane(t *testing.T) {
	overIPv4 := config.Peer{Name: "pe2", Encapsulation: config.EncapsulationUDP, Address: netip.MustParseAddr("192.0.2.2")}
	overIPv6 := config.Peer{Name: "pe3", Encapsulation: config.EncapsulationUDP, Address: netip.MustParseAddr("2001:db8::3")}
	overIP := config.Peer{Name: "pe4", Encapsulation: config.EncapsulationIP, Address: netip.MustParseAddr("192.0.2.4")}
	full, lacking := dataplane.Support{}, dataplane.Support{Missing: []string{"no L2TP (modprobe l2tp_netlink)", "no PPP"}}
	overUDPAlone := dataplane.Support{MissingOverIP: []string{"no L2TP over IPv4 (modprobe l2tp_ip)"}}
	for _, tt := range []struct {
		name    string
		asked   config.DataPlane
		has     dataplane.Support
		peers   []config.Peer
		plane   string   // of the daemon; empty: because is the error
		planes  []string // of the peers
		because string
	}{
		{
			"auto takes the kernel", config.DataPlaneAuto, full,
			[]config.Peer{overIPv4},
			"kernel",
			[]string{"kernel"},
			"the kernel has L2TP and PPP",
		},
		{
			"auto, not for all peers", config.DataPlaneAuto, full,
			[]config.Peer{overIPv4, overIPv6, overIP},
			"kernel",
			[]string{"kernel", "userspace", "kernel"},
			"the kernel has L2TP and PPP" +
				"; userspace for pe3, because over IPv6 the kernel sends IPv4 packets in fragments",
		},
		{
			"auto, the kernel lacks something", config.DataPlaneAuto, lacking,
			[]config.Peer{overIPv4, overIP},
			"userspace",
			[]string{"userspace", "userspace"},
			"no L2TP (modprobe l2tp_netlink); no PPP",
		},
		{
			"auto, the kernel lacks something over IP", config.DataPlaneAuto, overUDPAlone,
			[]config.Peer{overIPv4, overIP},
			"kernel",
			[]string{"kernel", "userspace"},
			"the kernel has L2TP and PPP; userspace for pe4, because over IP the kernel lacks support: no L2TP over IPv4 (modprobe l2tp_ip)",
		},
		{
			"kernel", config.DataPlaneKernel, full,
			[]config.Peer{overIPv4, overIPv6, overIP},
			"kernel",
			[]string{"kernel", "kernel", "kernel"},
			"as configured",
		},
		{
			"kernel, but it lacks something over IP", config.DataPlaneKernel, overUDPAlone,
			[]config.Peer{overIPv4, overIP},
			"", nil, "dataplane: kernel: no L2TP over IPv4 (modprobe l2tp_ip); provide what is missing, or set dataplane: auto",
		},
		{
			"kernel, and nothing over IP is needed", config.DataPlaneKernel, overUDPAlone,
			[]config.Peer{overIPv4},
			"kernel",
			[]string{"kernel"},
			"as configured",
		},
		{
			"kernel, but it lacks something", config.DataPlaneKernel, lacking, nil,
			"", nil, "dataplane: kernel: no L2TP (modprobe l2tp_netlink); no PPP; provide what is missing, or set dataplane: auto",
		},
		{
			"userspace though the kernel has all", config.DataPlaneUserspace, full,
			[]config.Peer{overIPv4, overIPv6, overIP},
			"userspace",
			[]string{"userspace", "userspace", "userspace"},
			"as configured",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDaemon(&config.Config{DataPlane: tt.asked, Peers: tt.peers}, "", zap.NewNop())
			if err := d.pickPlane(tt.has); err != nil {
				if tt.plane != "" || err.Error() != tt.because {
					t.Errorf("error %q, want plane %q, %q", err, tt.plane, tt.because)
				}
				return
			}
			if d.plane.Name() != tt.plane || d.explainPlane() != tt.because {
				t.Errorf("picked %s: %q; want %s: %q", d.plane.Name(), d.explainPlane(), tt.plane, tt.because)
			}
			var planes []string
			for _, p := range tt.peers {
				planes = append(planes, d.planeOf(p).Name())
			}
			if !slices.Equal(planes, tt.planes) {
				t.Errorf("the peers have %q, want %q", planes, tt.planes)
			}
		})
	}
}
