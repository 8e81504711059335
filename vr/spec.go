package vr

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Spec names a virtual router: a network namespace, or a VRF in the namespace that the daemon lives
// in. Exactly one of NetNS and VRF is there. Specs can be compared.
type Spec struct {
	NetNS string // a namespace, as ip-netns(8) names it
	VRF   string // a VRF device
	Table uint32 // the routing table of the VRF, not 0
}

// String is the router for people: "netns red", "vrf red".
func (s Spec) String() string {
	if s.VRF != "" {
		return "vrf " + s.VRF
	}
	return "netns " + s.NetNS
}

// Name is the name of the namespace or of the VRF.
func (s Spec) Name() string { return s.NetNS + s.VRF }

// check refuses what can name no virtual router.
func (s Spec) check() error {
	switch {
	case (s.NetNS == "") == (s.VRF == ""):
		return fmt.Errorf("VR %+v: want a network namespace or a VRF", s)
	case s.VRF != "" && (len(s.VRF) >= unix.IFNAMSIZ || isPath(s.VRF)):
		return fmt.Errorf("VR %q: want the name of a VRF device: 1 to %d octets without a slash, neither . nor .. itself",
			s.VRF, unix.IFNAMSIZ-1)
	case s.VRF != "" && s.Table == 0:
		return fmt.Errorf("VR %s: want a routing table", s)
	case len(s.NetNS) > 255 || isPath(s.NetNS):
		return fmt.Errorf("VR %q: want the name of a network namespace: 1 to 255 octets without a slash, neither . nor .. itself",
			s.NetNS)
	}
	return nil
}

// isPath reports whether a name could not be that of one file in a directory.
func isPath(name string) bool {
	return name == "." || name == ".." || strings.ContainsAny(name, "/\x00")
}
