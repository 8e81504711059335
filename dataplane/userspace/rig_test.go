package userspace

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

func TestPlane(t *testing.T) { planetest.Run(t, Plane{}) }

func newRig(t testing.TB) *planetest.Rig {
	t.Helper()
	return planetest.NewRig(t, [2]dataplane.Plane{Plane{}, Plane{}})
}

// carrier is the protocol that carries L2TP.
type carrier struct {
	name          string
	encapsulation dataplane.Encapsulation
	ipv6          bool
}

func (c carrier) String() string { return c.name }

var (
	udp4     = carrier{"UDP over IPv4", dataplane.UDP, false}
	udp6     = carrier{"UDP over IPv6", dataplane.UDP, true}
	ip4      = carrier{"IPv4", dataplane.IP, false}
	ip6      = carrier{"IPv6", dataplane.IP, true}
	carriers = []carrier{udp4, udp6, ip4, ip6}
)

// openTunnels opens a tunnel at both ends until the test ends.
func openTunnels(t testing.TB, g *planetest.Rig, over carrier) {
	t.Helper()
	for _, p := range g.PEs {
		p.Encapsulation = over.encapsulation
	}
	g.OpenTunnels(t, over.ipv6)
}
