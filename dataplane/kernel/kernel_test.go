package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// TestMain runs all tests in the virtual machine, whose kernel has L2TP and PPP.
func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		if err := beVictim(); err != nil {
			fmt.Fprintln(os.Stderr, "victim:", err)
		}
		os.Exit(1)
	}
	if os.Getenv("VM_MEMORY") == "" {
		// In MiB: the race detector shadows all buffers of the userspace data plane.
		os.Setenv("VM_MEMORY", "2048")
	}
	os.Exit(vm.Main(m))
}

func TestPlane(t *testing.T) { planetest.Run(t, Plane{}) }

// The two data planes interoperate.
func TestWithUserspace(t *testing.T) { planetest.RunWith(t, Plane{}, userspace.Plane{}) }

// newRig returns two PEs with the kernel data plane, and tunnels between them over UDP.
func newRig(t testing.TB) *planetest.Rig { return newRigOver(t, dataplane.UDP) }

func newRigOver(t testing.TB, over dataplane.Encapsulation) *planetest.Rig {
	t.Helper()
	g := planetest.NewRig(t, [2]dataplane.Plane{Plane{}, Plane{}})
	for _, p := range g.PEs {
		p.Encapsulation = over
	}
	g.OpenTunnels(t, false)
	return g
}

// overEach runs a test over each encapsulation.
func overEach(t *testing.T, test func(t *testing.T, over dataplane.Encapsulation)) {
	for _, over := range []dataplane.Encapsulation{dataplane.UDP, dataplane.IP} {
		t.Run(over.String(), func(t *testing.T) { test(t, over) })
	}
}

// newRigWithSocket returns a rig in which one PE has a tunnel, and the other one a plain socket.
func newRigWithSocket(t *testing.T, over dataplane.Encapsulation, overIPv6 bool) (g *planetest.Rig, peer net.Conn) {
	t.Helper()
	g = planetest.NewRig(t, [2]dataplane.Plane{Plane{}, nil})
	local, remote, version := g.PEs[0].V4, g.PEs[1].V4, 4
	if overIPv6 {
		local, remote, version = g.PEs[0].V6, g.PEs[1].V6, 6
	}
	g.PEs[0].Encapsulation = over
	planetest.Must(t, g.PEs[0].Open(local, remote))
	t.Cleanup(func() { planetest.Must(t, g.PEs[0].Tunnel.Close()) })
	planetest.Must(t, g.PEs[1].Host.Do(func() (err error) {
		if over == dataplane.IP {
			peer, err = net.DialIP(fmt.Sprintf("ip%d:%d", version, unix.IPPROTO_L2TP),
				&net.IPAddr{IP: remote.AsSlice()}, &net.IPAddr{IP: local.AsSlice()})
			return err
		}
		peer, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote, 1701)),
			net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 1701)))
		return err
	}))
	t.Cleanup(func() { peer.Close() })
	return g, peer
}

// lcpEcho is an LCP Echo-Request (RFC 1661, section 5.8) from its protocol field on.
const lcpEcho = "\xc0\x21\x09\x01\x00\x08\x00\x00\x00\x00"

// headers are the start of a data message, before its session ID.
var headers = map[dataplane.Encapsulation]string{dataplane.UDP: "\x00\x03\x00\x00", dataplane.IP: ""}

// The octets of the kernel's data messages: the session header over UDP (RFC 3931, section 4.1.2.1)
// and over IP (section 4.1.1.1), then PPP (RFC 1661, section 2). The kernel sends address and
// control octets, and accepts messages without them.
func TestDataMessages(t *testing.T) {
	overEach(t, func(t *testing.T, over dataplane.Encapsulation) {
		for _, overIPv6 := range []bool{false, true} {
			for _, cookie := range []int{0, 4, 8} {
				t.Run(fmt.Sprintf("over IPv6 %v, cookie %d", overIPv6, cookie), func(t *testing.T) {
					testDataMessages(t, over, overIPv6, cookie)
				})
			}
		}
	})
}

func testDataMessages(t *testing.T, over dataplane.Encapsulation, overIPv6 bool, cookie int) {
	g, peer := newRigWithSocket(t, over, overIPv6)
	e := g.End(0, 0x1020304, cookie)
	planetest.Must(t, e.Create())
	toPeer := headers[over] + "\x02\x04\x06\x09" + string(e.Config.PeerCookie)
	fromPeer := headers[over] + "\x02\x04\x06\x08" + string(e.Config.LocalCookie)

	buffer := make([]byte, 100)
	for _, frame := range []string{lcpEcho, "\x80\x21\x01\x01\x00\x04"} {
		planetest.Must(t, e.SendFrame([]byte(frame)))
		n, err := peer.Read(buffer)
		planetest.Must(t, err)
		got := string(buffer[:n])
		if over == dataplane.IP && !overIPv6 {
			got = got[20:] // the IPv4 header
		}
		if want := toPeer + "\xff\x03" + frame; got != want {
			t.Errorf("sent %x, want %x", got, want)
		}
	}
	for _, tt := range []struct{ name, ppp, want string }{
		{"LCP", "\xff\x03" + lcpEcho, lcpEcho},
		{"LCP without address and control", lcpEcho, lcpEcho},
		{"IPCP", "\xff\x03\x80\x21\x01\x01\x00\x04", "\x80\x21\x01\x01\x00\x04"},
		{"compressed protocol field", "\xff\x03\x23none", "\x00\x23none"}, // RFC 1661, section 6.5
	} {
		_, err := peer.Write([]byte(fromPeer + tt.ppp))
		planetest.Must(t, err)
		if got := <-e.Frames; got != tt.want {
			t.Errorf("%s: got %x, want %x", tt.name, got, tt.want)
		}
	}
}

// Over IP both the raw socket and that of the kernel's tunnel receive control messages. Each is
// passed on once, with and without a tunnel of the kernel, and to any control connection, except
// connection 0, which is for the listener. Nothing else is passed on.
func TestControlMessagesWithKernelSocket(t *testing.T) {
	g, peer := newRigWithSocket(t, dataplane.IP, false)
	p := g.PEs[0]
	const own, another, none = "\x00\x01\x00\x00", "\x00\x01\x00\x09", "\x00\x00\x00\x00"
	for _, sessions := range []int{0, 1, 2} {
		before := p.Tunnel.Stats()
		send := func(packet string) {
			_, err := peer.Write([]byte(packet))
			planetest.Must(t, err)
		}
		control := func(id string) string { return "\xc8\x03\x00\x0c" + id + "\x00\x00\x00\x00" }
		send("\x00\x00\x00\x00" + control(none))
		send("\x01\x02\x03\x04\xff\x03" + lcpEcho)      // unknown session
		send("\x00\x00\x00\x00\x48" + control(own)[1:]) // no T bit
		for _, id := range []string{own, another} {
			send("\x00\x00\x00\x00" + control(id))
			if got := <-p.Control; got != control(id) {
				t.Errorf("%d sessions: got %x, want %x", sessions, got, control(id))
			}
		}
		now := p.Tunnel.Stats()
		now.Control -= before.Control
		now.Malformed -= before.Malformed
		if want := (dataplane.TunnelStats{Control: 2, Malformed: 1}); now != want || len(p.Control) != 0 {
			t.Errorf("%d sessions: got %+v, want %+v; %d more messages", sessions, now, want, len(p.Control))
		}
		planetest.Must(t, g.End(0, uint32(sessions+1), 8).Create())
	}
}
