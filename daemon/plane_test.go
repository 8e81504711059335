package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
)

// The configured data plane is used; with auto, the support of the kernel and the way to each peer
// decide.
func TestPickPlane(t *testing.T) {
	overIPv4 := config.Peer{Name: "pe2", Encapsulation: config.EncapsulationUDP, Address: netip.MustParseAddr("192.0.2.2")}
	overIPv6 := config.Peer{Name: "pe3", Encapsulation: config.EncapsulationUDP, Address: netip.MustParseAddr("2001:db8::3")}
	overIP := config.Peer{Name: "pe4", Encapsulation: config.EncapsulationIP, Address: netip.MustParseAddr("192.0.2.4")}
	full, lacking := dataplane.Support{}, dataplane.Support{Missing: []string{"no L2TP (modprobe l2tp_netlink)", "no PPP"}}
	overUDPOnly := dataplane.Support{MissingOverIP: []string{"no L2TP over IPv4 (modprobe l2tp_ip)"}}
	for _, tt := range []struct {
		name       string
		configured config.DataPlane
		has        dataplane.Support
		peers      []config.Peer
		plane      string   // of the daemon; empty: reason is the error
		planes     []string // of the peers
		reason     string
	}{
		{
			"auto picks the kernel", config.DataPlaneAuto, full,
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
			"auto, the kernel lacks something over IP", config.DataPlaneAuto, overUDPOnly,
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
			"kernel, but it lacks something over IP", config.DataPlaneKernel, overUDPOnly,
			[]config.Peer{overIPv4, overIP},
			"", nil, "dataplane: kernel: no L2TP over IPv4 (modprobe l2tp_ip); provide what is missing, or set dataplane: auto",
		},
		{
			"kernel, without peers over IP", config.DataPlaneKernel, overUDPOnly,
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
			"userspace, although the kernel supports everything", config.DataPlaneUserspace, full,
			[]config.Peer{overIPv4, overIPv6, overIP},
			"userspace",
			[]string{"userspace", "userspace", "userspace"},
			"as configured",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDaemon(&config.Config{DataPlane: tt.configured, Peers: tt.peers}, "", zap.NewNop())
			if err := d.pickPlane(tt.has); err != nil {
				if tt.plane != "" || err.Error() != tt.reason {
					t.Errorf("error %q, want plane %q, %q", err, tt.plane, tt.reason)
				}
				return
			}
			if d.plane.Name() != tt.plane || d.explainPlane() != tt.reason {
				t.Errorf("picked %s: %q; want %s: %q", d.plane.Name(), d.explainPlane(), tt.plane, tt.reason)
			}
			var planes []string
			for _, p := range tt.peers {
				planes = append(planes, d.planeOf(p).Name())
			}
			if !slices.Equal(planes, tt.planes) {
				t.Errorf("data planes of the peers %q, want %q", planes, tt.planes)
			}
		})
	}
}
