// Package kernel is the data plane that leaves user packets to Linux: L2TPv3 tunnels and sessions
// by generic netlink, PPP interfaces by /dev/ppp. Only control messages and PPP control frames come
// up.
package kernel

import "github.com/l2tpvl/l2tpvl/dataplane"

// Plane is the kernel data plane; its zero value is ready to use.
type Plane struct{}

var _ dataplane.Plane = Plane{}

// Name is "kernel".
func (Plane) Name() string { return "kernel" }

// OpenTunnel opens a connected socket to the peer. The kernel's tunnel is made with the first
// session: over UDP on this very socket, over IP on one of its own beside it. All of the tunnel but
// the interfaces of its sessions is in the network namespace of the calling thread. From the first
// session on the kernel keeps to itself what ICMP says of a socket: Unreachable is told of errors
// of this host alone, and PathChanged some seconds later.
func (Plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	return openTunnel(cfg)
}
