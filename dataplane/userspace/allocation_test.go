package userspace

import (
	"testing"

	"golang.zx2c4.com/wireguard/tun"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
)

// sink is a device that accepts packets and signals each.
type sink struct {
	tun.Device
	written chan struct{}
}

func (s sink) Write([][]byte, int) (int, error) {
	s.written <- struct{}{}
	return 0, nil
}

func (s sink) Close() error { return nil }

// carry returns a function that carries one packet of size octets from session to session: the
// whole path including sockets and their readers, without the TUN devices.
func carry(t testing.TB, over carrier, size int) func() {
	g := newRig(t)
	openTunnels(t, g, over)
	var sessions [2]*session
	to := sink{written: make(chan struct{}, 1)}
	for i, p := range g.PEs {
		s, err := newSession(p.Tunnel.(*tunnel), g.End(i, 1, maxCookie).Config)
		planetest.Must(t, err)
		s.device = to
		planetest.Must(t, s.tunnel.add(s))
		s.tunnel.work.Done()
		s.SetOpen(dataplane.IPv4)
		sessions[i] = s
	}
	at := maxPrefix + 2
	buffer := make([]byte, at+size)
	copy(buffer[at:], ipv4Packet)
	return func() {
		sessions[0].transmit(buffer, at)
		<-to.written
	}
}

func TestNoAllocationForPackets(t *testing.T) {
	for _, over := range carriers {
		t.Run(over.String(), func(t *testing.T) {
			if n := testing.AllocsPerRun(1000, carry(t, over, 1400)); n != 0 {
				t.Errorf("%v allocations for each packet, want 0", n)
			}
		})
	}
}

func BenchmarkCarry(b *testing.B) {
	one := carry(b, udp4, 1400)
	b.ReportAllocs()
	b.SetBytes(1400)
	for b.Loop() {
		one()
	}
}
