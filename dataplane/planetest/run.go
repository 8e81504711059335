package planetest

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// test is a test of one property of data planes.
type test struct {
	name string
	run  func(*testing.T, *Rig)
}

// interoperation tests what two data planes must agree on.
var interoperation = []test{
	{"Packets", testPackets},
	{"Frames", testFrames},
	{"WrongCookie", testWrongCookie},
	{"NewConnection", testNewConnection},
}

// socket tests how a data plane uses its socket.
var socket = []test{
	{"SessionClose", testSessionClose},
	{"Unreachable", testUnreachable},
	{"OpenTunnelRefuses", testOpenTunnelRefuses},
	{"TunnelClose", testTunnelClose},
}

// overUDP tests datagrams and ports of UDP, and what does not depend on the encapsulation.
var overUDP = []test{
	{"Datagrams", testDatagrams},
	{"WithListener", testWithListener},
	{"FrameDuringCreateSession", testFrameDuringCreateSession},
	{"InterfaceInNamespaceOfTunnel", testInterfaceInNamespaceOfTunnel},
	{"ClosedProtocol", testClosedProtocol},
	{"InterfaceDown", testInterfaceDown},
	{"InterfaceDeleted", testInterfaceDeleted},
	{"CreateSessionRefuses", testCreateSessionRefuses},
	{"SequenceNumbersSent", testSequenceNumbersSent},
	{"SequenceNumbersReceived", testSequenceNumbersReceived},
	{"ManySessions", testManySessions},
	{"SessionsUnderTraffic", testSessionsUnderTraffic},
}

// encapsulations are all encapsulations.
var encapsulations = []dataplane.Encapsulation{dataplane.UDP, dataplane.IP}

// Run tests a data plane over each encapsulation.
func Run(t *testing.T, plane dataplane.Plane) {
	for _, over := range encapsulations {
		t.Run(over.String(), func(t *testing.T) {
			run(t, over, plane, plane, interoperation)
			run(t, over, plane, plane, socket)
			if over == dataplane.UDP {
				run(t, over, plane, plane, overUDP)
			}
		})
	}
}

// RunWith tests that two data planes interoperate over each encapsulation.
func RunWith(t *testing.T, plane, peer dataplane.Plane) {
	for _, over := range encapsulations {
		t.Run(over.String(), func(t *testing.T) {
			run(t, over, plane, peer, interoperation)
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
