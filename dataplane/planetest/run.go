package planetest

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

type test struct {
	name string
	run  func(*testing.T, *Rig)
}

// onTheWire are about what two data planes have to agree on.
var onTheWire = []test{
	{"Packets", testPackets},
	{"Frames", testFrames},
	{"WrongCookie", testWrongCookie},
	{"NewConnection", testNewConnection},
}

// onOneSide are about what each does by itself with its socket.
var onOneSide = []test{
	{"SessionClose", testSessionClose},
	{"Unreachable", testUnreachable},
	{"OpenTunnelRefuses", testOpenTunnelRefuses},
	{"TunnelClose", testTunnelClose},
}

// overUDP are about its datagrams and ports, and about what has nothing to do with the
// encapsulation.
var overUDP = []test{
	{"Datagrams", testDatagrams},
	{"BesideListener", testBesideListener},
	{"FrameWhileInterfaceIsMade", testFrameWhileInterfaceIsMade},
	{"InterfaceAtHome", testInterfaceAtHome},
	{"ClosedProtocol", testClosedProtocol},
	{"InterfaceDown", testInterfaceDown},
	{"InterfaceDeleted", testInterfaceDeleted},
	{"CreateSessionRefuses", testCreateSessionRefuses},
	{"NumbersSent", testNumbersSent},
	{"NumbersReceived", testNumbersReceived},
	{"ManySessions", testManySessions},
	{"SessionsUnderTraffic", testSessionsUnderTraffic},
}

// encapsulations are all there are.
var encapsulations = []dataplane.Encapsulation{dataplane.UDP, dataplane.IP}

// Run tests a data plane, over each encapsulation.
func Run(t *testing.T, plane dataplane.Plane) {
	for _, over := range encapsulations {
		t.Run(over.String(), func(t *testing.T) {
			run(t, over, plane, plane, onTheWire)
			run(t, over, plane, plane, onOneSide)
			if over == dataplane.UDP {
				run(t, over, plane, plane, overUDP)
			}
		})
	}
}

// RunWith tests that two data planes understand each other, over each encapsulation.
func RunWith(t *testing.T, plane, peer dataplane.Plane) {
	for _, over := range encapsulations {
		t.Run(over.String(), func(t *testing.T) {
			run(t, over, plane, peer, onTheWire)
		})
	}
}

func run(t *testing.T, over dataplane.Encapsulation, plane, peer dataplane.Plane, tests []test) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := NewRig(t, [2]dataplane.Plane{plane, peer})
			for _, p := range g.PEs {
				p.Encapsulation = over
			}
			test.run(t, g)
		})
	}
}
