package planetest

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// Run tests a data plane, with peer as that of the other PE.
func Run(t *testing.T, plane, peer dataplane.Plane) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *Rig)
	}{
		{"Packets", testPackets},
		{"Frames", testFrames},
		{"FrameWhileInterfaceIsMade", testFrameWhileInterfaceIsMade},
		{"InterfaceAtHome", testInterfaceAtHome},
		{"WrongCookie", testWrongCookie},
		{"ClosedProtocol", testClosedProtocol},
		{"InterfaceDown", testInterfaceDown},
		{"InterfaceDeleted", testInterfaceDeleted},
		{"SessionClose", testSessionClose},
		{"CreateSessionRefuses", testCreateSessionRefuses},
		{"ManySessions", testManySessions},
		{"SessionsUnderTraffic", testSessionsUnderTraffic},
		{"NewConnection", testNewConnection},
		{"Datagrams", testDatagrams},
		{"BesideListener", testBesideListener},
		{"Unreachable", testUnreachable},
		{"OpenTunnelRefuses", testOpenTunnelRefuses},
		{"TunnelClose", testTunnelClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, NewRig(t, [2]dataplane.Plane{plane, peer}))
		})
	}
}
