package userspace

import (
	"fmt"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

// If the operator raises the MTU beyond the size of the buffers, a packet is lost, and nothing
// else.
func TestMTURaised(t *testing.T) {
	g := newRig(t)
	for _, p := range g.PEs {
		p.Host.MTU(t, "core", 9000)
	}
	for i := range g.PEs {
		g.Core.MTU(t, fmt.Sprintf("to-pe%d", i+1), 9000)
	}
	openTunnels(t, g, udp4)
	ends := g.OpenSession(t, 1, 8, 1400)
	for _, e := range ends {
		e.VR.MTU(t, e.Config.Interface, 8900)
	}
	ping := ends[0].Pinger(t, ends[1], 4)
	planetest.Must(t, ping.Send(8000, 1)) // lost when it is sent: the buffers grow
	planetest.Must(t, ping.Send(8000, 2)) // its reply is lost
	planetest.Must(t, ping.Ping(8000, 3))
	for i, e := range ends {
		if got := e.Stats(); got.TxErrors != 1 {
			t.Errorf("end %d: got %+v, want one lost packet", i, got)
		}
	}
}

// A packet that is too large for the path is dropped and counted, and the change of the path is
// reported to the owner.
func TestPathShrinks(t *testing.T) {
	g := newRig(t)
	for _, over := range carriers {
		t.Run(over.String(), func(t *testing.T) {
			g.Core.MTU(t, "to-pe2", 1500)
			openTunnels(t, g, over)
			sender := g.PEs[0]
			ends := g.OpenSession(t, 1, 0, 1400)
			ping := ends[0].Pinger(t, ends[1], 4)
			planetest.Must(t, ping.Ping(1400, 1))

			// On the path: a router reports it (RFC 1191, RFC 8201).
			g.Core.MTU(t, "to-pe2", 1350)
			planetest.Must(t, ping.Send(1400, 2))
			<-sender.PathChanged
			mtu, err := sender.Tunnel.PathMTU()
			planetest.Must(t, err)
			if mtu != 1350 {
				t.Errorf("path MTU %d, want 1350", mtu)
			}
			planetest.Must(t, ping.Send(1400, 3)) // the socket refuses it now
			planetest.Must(t, ping.Ping(1200, 4))
			if got := ends[0].Stats(); got.TxErrors != 1 || len(sender.PathChanged) != 0 || len(sender.Unreachable) != 0 {
				t.Errorf("%d packets refused, want 1; %d more changes reported, want 0; %d errors reported, want 0",
					got.TxErrors, len(sender.PathChanged), len(sender.Unreachable))
			}

			// At the local interface.
			sender.Host.MTU(t, "core", 1300)
			planetest.Must(t, ping.Send(1290, 5))
			<-sender.PathChanged
			if mtu, err = sender.Tunnel.PathMTU(); err != nil || mtu != 1300 {
				t.Errorf("path MTU %d, %v; want 1300", mtu, err)
			}
			sender.Host.MTU(t, "core", 1500)
			for _, p := range g.PEs {
				planetest.Must(t, p.Tunnel.Close())
			}
		})
	}
}
