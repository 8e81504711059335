// Package userspace is the data plane that needs only TUN from the kernel. The interface of each
// link is a TUN device, and goroutines carry packets between it and a UDP socket (RFC 3931, section
// 4.1.2) or a raw IP socket (section 4.1.1). A Plane opens the tunnels.
package userspace

import "github.com/l2tpvl/l2tpvl/dataplane"

// Plane is the userspace data plane; its zero value is ready to use.
type Plane struct{}

var _ dataplane.Plane = Plane{}

// Name returns "userspace".
func (Plane) Name() string { return "userspace" }

// OpenTunnel opens a connected socket to the peer: a UDP socket, or a raw one for IP protocol 115.
func (Plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	return openTunnel(cfg)
}
