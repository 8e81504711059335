package planetest

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

type test struct {
	name string
	run  func(*testing.T, *Rig)
}

var tests = []test{
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
	{"Unreachable", testUnreachable},
	{"OpenTunnelRefuses", testOpenTunnelRefuses},
	{"TunnelClose", testTunnelClose},
}

// testsOverUDP are about its datagrams and ports.
var testsOverUDP = []test{
	{"Datagrams", testDatagrams},
	{"BesideListener", testBesideListener},
}

// Run tests a data plane over UDP, with peer as that of the other PE.
func Run(t *testing.T, plane, peer dataplane.Plane) { RunOver(t, dataplane.UDP, plane, peer) }

// RunOver is Run with another encapsulation.
func RunOver(t *testing.T, over dataplane.Encapsulation, plane, peer dataplane.Plane) {
	run := func(test test) {
		t.Run(test.name, func(t *testing.T) {
			g := NewRig(t, [2]dataplane.Plane{plane, peer})
			for _, p := range g.PEs {
				p.Encapsulation = over
			}
			test.run(t, g)
		})
	}
	for _, test := range tests {
		run(test)
	}
	if over == dataplane.UDP {
		for _, test := range testsOverUDP {
			run(test)
		}
	}
}
