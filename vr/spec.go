// Package vr describes virtual routers: the network namespace or VRF (Spec), the configuration of
// an interface in it (Interface), and the customer interfaces that belong into it (Attachment).
//
// It holds values only and links nothing that touches a kernel, so that the protocol machines can
// use it. Package vr/linux creates and configures the virtual routers that it describes.
package vr

import (
	"fmt"
	"strings"
)

// Spec names a virtual router: a network namespace, or a VRF in the daemon's own network namespace.
// Exactly one of NetNS and VRF is set. Specs are comparable.
type Spec struct {
	NetNS string // a network namespace, as ip-netns(8) names it
	VRF   string // a VRF device
	Table uint32 // the routing table of the VRF, not 0
}

// String returns the kind and the name of the router: "netns red", "vrf red".
func (s Spec) String() string {
	if s.VRF != "" {
		return "vrf " + s.VRF
	}
	return "netns " + s.NetNS
}

// Name returns the name of the network namespace or of the VRF.
func (s Spec) Name() string { return s.NetNS + s.VRF }

// The longest names in octets: a device name is IFNAMSIZ of linux/if.h less the final zero, a
// network namespace is a file in a directory.
const (
	maxDeviceName    = 15
	maxNamespaceName = 255
)

// Validate returns an error for a Spec that cannot name a virtual router.
func (s Spec) Validate() error {
	switch {
	case (s.NetNS == "") == (s.VRF == ""):
		return fmt.Errorf("VR %+v: want a network namespace or a VRF", s)
	case s.VRF != "" && (len(s.VRF) > maxDeviceName || isPath(s.VRF)):
		return fmt.Errorf("VR %q: want the name of a VRF device: 1 to %d octets without a slash, not . or .. itself",
			s.VRF, maxDeviceName)
	case s.VRF != "" && s.Table == 0:
		return fmt.Errorf("VR %s: want a routing table", s)
	case len(s.NetNS) > maxNamespaceName || isPath(s.NetNS):
		return fmt.Errorf("VR %q: want the name of a network namespace: 1 to %d octets without a slash, not . or .. itself",
			s.NetNS, maxNamespaceName)
	}
	return nil
}

// isPath reports whether a name cannot be that of one file in a directory.
func isPath(name string) bool {
	return name == "." || name == ".." || strings.ContainsAny(name, "/\x00")
}
