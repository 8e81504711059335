// Package userspace is the data plane that needs nothing of the kernel but TUN: the interface of
// each link is a TUN device, and goroutines carry packets between it and a UDP socket (RFC 3931
// section 4.1.2) or a raw IP socket (section 4.1.1).
package userspace

import "github.com/l2tpvl/l2tpvl/dataplane"

// Plane is the userspace data plane; its zero value is ready to use.
type Plane struct{}

var _ dataplane.Plane = Plane{}

// Name is "userspace".
func (Plane) Name() string { return "userspace" }

// OpenTunnel opens a connected socket to the peer: of UDP, or a raw one of IP protocol 115.
func (Plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	return openTunnel(cfg)
}
