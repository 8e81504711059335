package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// All tests run in the virtual machine, whose kernel has L2TP and PPP.
func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		fmt.Fprintln(os.Stderr, "the victim was not killed:", beVictim())
		os.Exit(1)
	}
	if os.Getenv("VM_MEMORY") == "" {
		os.Setenv("VM_MEMORY", "2048") // MiB; the race detector shadows all buffers of the userspace data plane
	}
	os.Exit(vm.Main(m))
}

func TestPlane(t *testing.T) { planetest.Run(t, Plane{}, Plane{}) }

// The two data planes understand each other.
func TestWithUserspace(t *testing.T) { planetest.Run(t, Plane{}, userspace.Plane{}) }

// newRig is two PEs with the kernel data plane, and tunnels between them.
func newRig(t testing.TB) *planetest.Rig {
	t.Helper()
	g := planetest.NewRig(t, [2]dataplane.Plane{Plane{}, Plane{}})
	g.OpenTunnels(t, false)
	return g
}

// newWire is a PE with a tunnel, and in the place of the other a mere socket.
func newWire(t *testing.T, overIPv6 bool) (g *planetest.Rig, peer *net.UDPConn) {
	t.Helper()
	g = planetest.NewRig(t, [2]dataplane.Plane{Plane{}, nil})
	ours, theirs := g.PEs[0].V4, g.PEs[1].V4
	if overIPv6 {
		ours, theirs = g.PEs[0].V6, g.PEs[1].V6
	}
	planetest.Must(t, g.PEs[0].Open(ours, theirs))
	t.Cleanup(func() { planetest.Must(t, g.PEs[0].Tunnel.Close()) })
	planetest.Must(t, g.PEs[1].Host.Do(func() (err error) {
		peer, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(theirs, 1701)),
			net.UDPAddrFromAddrPort(netip.AddrPortFrom(ours, 1701)))
		return err
	}))
	t.Cleanup(func() { peer.Close() })
	return g, peer
}

// lcpEcho is an LCP Echo-Request (RFC 1661 section 5.8) from its protocol field on.
const lcpEcho = "\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00"

// What the kernel sends and takes, octet by octet: the session header over UDP (RFC 3931 section 4.1.2.1), then PPP
// (RFC 1661 section 2), sent with address and control octets, taken without too.
func TestWire(t *testing.T) {
	for _, overIPv6 := range []bool{false, true} {
		for _, cookie := range []int{0, 4, 8} {
			t.Run(fmt.Sprintf("over IPv6 %v, cookie %d", overIPv6, cookie), func(t *testing.T) {
				g, peer := newWire(t, overIPv6)
				e := g.End(0, 0x1020304, cookie)
				planetest.Must(t, e.Create())
				toPeer := "\x00\x03\x00\x00\x02\x04\x06\x09" + string(e.Config.PeerCookie)
				toUs := "\x00\x03\x00\x00\x02\x04\x06\x08" + string(e.Config.LocalCookie)

				buffer := make([]byte, 100)
				for _, frame := range []string{lcpEcho, "\x80\x21\x01\x01\x00\x04"} {
					planetest.Must(t, e.SendFrame([]byte(frame)))
					n, err := peer.Read(buffer)
					planetest.Must(t, err)
					if want := toPeer + "\xff\x03" + frame; string(buffer[:n]) != want {
						t.Errorf("sent %x, want %x", buffer[:n], want)
					}
				}
				for _, tt := range []struct{ name, ppp, want string }{
					{"LCP", "\xff\x03" + lcpEcho, lcpEcho},
					{"LCP without address and control", lcpEcho, lcpEcho},
					{"IPCP", "\xff\x03\x80\x21\x01\x01\x00\x04", "\x80\x21\x01\x01\x00\x04"},
					{"compressed protocol field", "\xff\x03\x23none", "\x00\x23none"}, // RFC 1661 section 6.5
				} {
					_, err := peer.Write([]byte(toUs + tt.ppp))
					planetest.Must(t, err)
					if got := <-e.Frames; got != tt.want {
						t.Errorf("%s: got %x, want %x", tt.name, got, tt.want)
					}
				}
			})
		}
	}
}
