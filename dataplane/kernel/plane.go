// Package kernel is the data plane that uses Linux for user packets: it creates L2TPv3 tunnels and
// sessions by generic netlink, and PPP interfaces by /dev/ppp. It handles only control messages and
// PPP control frames itself. A Plane opens the tunnels; Detect reports what the kernel lacks.
package kernel

import "github.com/l2tpvl/l2tpvl/dataplane"

// Plane is the kernel data plane; its zero value is ready to use.
type Plane struct{}

var _ dataplane.Plane = Plane{}

// Name returns "kernel".
func (Plane) Name() string { return "kernel" }

// OpenTunnel opens a connected socket to the peer. The kernel's tunnel is created with the first
// session: over UDP on this socket, over IP on a second one. Everything except the interfaces of
// the sessions is in the network namespace of the calling thread.
//
// From the first session on, the kernel does not report ICMP errors on the socket: Unreachable is
// called only for errors of this host, and PathChanged some seconds late.
func (Plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	return openTunnel(cfg)
}
