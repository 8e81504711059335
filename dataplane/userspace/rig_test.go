package userspace

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/vr"
)

// rig is the real thing in network namespaces, named after this process: two PEs, each with a virtual router, and a
// provider's router between them.
//
//	virtual router | pe 1 -- 192.0.2.0/25 -- core -- 192.0.2.128/25 -- pe 2 | virtual router
type rig struct {
	core *vr.Router
	pes  [2]*pe
}

// pe is one of the two.
type pe struct {
	host   *vr.Router // where the daemon would live
	vr     *vr.Router
	v4, v6 netip.Addr // its addresses in the provider's network
	tunnel dataplane.Tunnel

	control     chan string // messages that its tunnel got
	unreachable chan error
	pathChanged chan struct{}
}

func newRig(t testing.TB) *rig {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("the tests of the data plane make network namespaces: run them as root")
	}
	m, err := vr.NewManager(func(*vr.Router) {}, func(*vr.Router, string, bool) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	namespace := func(name string) *vr.Router {
		r, err := m.Ensure(vr.Spec{NetNS: fmt.Sprintf("%s-%d", name, os.Getpid())})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	quiet := func(r *vr.Router, sysctl, value string) {
		must(t, r.Do(func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/"+sysctl, []byte(value), 0) }))
	}
	g := &rig{core: namespace("core")}
	quiet(g.core, "default/accept_dad", "0") // which would hold up the first packets over IPv6
	for i := range g.pes {
		p := &pe{
			host:        namespace(fmt.Sprintf("pe%d", i+1)),
			vr:          namespace(fmt.Sprintf("vr%d", i+1)),
			v4:          netip.AddrFrom4([4]byte{192, 0, 2, byte(128*i + 1)}),
			v6:          netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::1", i)),
			control:     make(chan string, 1024),
			unreachable: make(chan error, 1024),
			pathChanged: make(chan struct{}, 1024),
		}
		g.pes[i] = p
		quiet(p.host, "default/accept_dad", "0")
		quiet(p.vr, "all/forwarding", "0") // a router reports its multicast groups, which would be counted
		link := fmt.Sprintf("to-pe%d", i+1)
		ip(t, g.core, "link add %s type veth peer name core netns %s", link, p.host.Name())
		ip(t, g.core, "link set %s up", link)
		ip(t, g.core, "address add %v/25 dev %s", p.v4.Next(), link)
		ip(t, g.core, "address add %v/64 dev %s nodad", p.v6.Next(), link)
		ip(t, p.host, "link set core up")
		ip(t, p.host, "address add %v/25 dev core", p.v4)
		ip(t, p.host, "address add %v/64 dev core nodad", p.v6)
		ip(t, p.host, "route add default via %v", p.v4.Next())
		ip(t, p.host, "route add default via %v", p.v6.Next())
	}
	return g
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ip runs ip(8) in a namespace and returns what it says.
func ip(t testing.TB, r *vr.Router, format string, args ...any) string {
	t.Helper()
	words := append([]string{"-n", r.Name()}, strings.Fields(fmt.Sprintf(format, args...))...)
	out, err := exec.Command("ip", words...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// carrier is what L2TP is carried by.
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

// open opens the PE's tunnel, over UDP from its to peer's port 1701.
func (p *pe) open(e dataplane.Encapsulation, local, peer netip.Addr) error {
	return p.host.Do(func() (err error) {
		p.tunnel, err = Plane{}.OpenTunnel(dataplane.TunnelConfig{
			Encapsulation: e,
			Local:         netip.AddrPortFrom(local, 1701),
			Peer:          netip.AddrPortFrom(peer, 1701),
			Control:       func(message []byte) { p.control <- string(message) },
			PathChanged:   func() { p.pathChanged <- struct{}{} },
			Unreachable:   func(err error) { p.unreachable <- err },
		})
		return err
	})
}

// openTunnels opens a tunnel on both sides.
func (g *rig) openTunnels(t testing.TB, over carrier) {
	t.Helper()
	for i, p := range g.pes {
		local, peer := p.v4, g.pes[1-i].v4
		if over.ipv6 {
			local, peer = p.v6, g.pes[1-i].v6
		}
		must(t, p.open(over.encapsulation, local, peer))
		t.Cleanup(func() { must(t, p.tunnel.Close()) })
	}
}

// end is one end of a session.
type end struct {
	*pe
	dataplane.Session
	ifname string
	inner4 netip.Addr
	inner6 netip.Addr // link-local, without zone
	frames chan string
	gone   chan error
}

// config is the session of that ID on PE i, with cookies of that many octets.
func (g *rig) config(i int, id uint32, cookie int) (dataplane.SessionConfig, *end) {
	e := &end{
		pe:     g.pes[i],
		ifname: fmt.Sprintf("vl%d", id),
		inner4: netip.AddrFrom4([4]byte{10, byte(id >> 8), byte(id), byte(i)}),
		inner6: netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(i + 1)}),
		frames: make(chan string, 1024),
		gone:   make(chan error, 2),
	}
	return dataplane.SessionConfig{
		LocalID:     id<<1 | uint32(i),
		PeerID:      id<<1 | uint32(1-i),
		LocalCookie: bytes.Repeat([]byte{byte(0xa0 + i)}, cookie),
		PeerCookie:  bytes.Repeat([]byte{byte(0xa0 + 1 - i)}, cookie),
		Namespace:   e.vr,
		Interface:   e.ifname,
		MTU:         1400,
		Deliver:     func(frame []byte) { e.frames <- string(frame) },
		Gone:        func(err error) { e.gone <- err },
	}, e
}

// openSession makes both ends of a session, opens the NCPs and brings the interfaces up with that MTU.
func (g *rig) openSession(t testing.TB, id uint32, cookie, mtu int) [2]*end {
	t.Helper()
	var ends [2]*end
	for i := range ends {
		cfg, e := g.config(i, id, cookie)
		cfg.MTU = mtu
		var err error
		e.Session, err = e.tunnel.CreateSession(cfg)
		must(t, err)
		ends[i] = e
	}
	for i, e := range ends {
		e.SetOpen(dataplane.IPv4 | dataplane.IPv6)
		must(t, e.vr.Configure(e.ifname, vr.Interface{
			Up:        true,
			Local:     e.inner4,
			Peer:      ends[1-i].inner4,
			LinkLocal: uint64(i + 1),
		}))
		// The kernel takes packets to a new IPv6 address a little later than it shows the address.
		for !strings.Contains(ip(t, e.vr, "-6 route show table local dev %s", e.ifname), e.inner6.String()) {
		}
	}
	return ends
}

// path is the way of IP packets of one protocol through a session, seen from one end.
type path struct {
	conn    net.PacketConn
	proto   int
	request icmp.Type
	header  int // octets of IP and ICMP headers
	to      net.Addr
}

// pinger is a raw socket of e's virtual router that sends to the other end and never fragments.
func (e *end) pinger(t testing.TB, other *end, version int) *path {
	t.Helper()
	p := &path{
		proto: unix.IPPROTO_ICMP, request: ipv4.ICMPTypeEcho, header: 20 + 8,
		to: &net.IPAddr{IP: other.inner4.AsSlice()},
	}
	network, level, option := "ip4:icmp", unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
	if version == 6 {
		p = &path{
			proto: unix.IPPROTO_ICMPV6, request: ipv6.ICMPTypeEchoRequest, header: 40 + 8,
		}
		network, level, option = "ip6:ipv6-icmp", unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
	}
	must(t, e.vr.Do(func() error {
		ifi, err := net.InterfaceByName(e.ifname)
		if err != nil {
			return err
		}
		if version == 6 {
			p.to = &net.IPAddr{IP: other.inner6.AsSlice(), Zone: fmt.Sprint(ifi.Index)}
		}
		if p.conn, err = net.ListenPacket(network, ""); err != nil {
			return err
		}
		raw, err := p.conn.(syscall.Conn).SyscallConn()
		if err != nil {
			return err
		}
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), level, option, unix.IP_PMTUDISC_PROBE) // never fragment, whatever was learnt
		}), err)
	}))
	t.Cleanup(func() { p.conn.Close() })
	return p
}

// payload is what the echo request of that number carries.
func (p *path) payload(size, seq int) []byte {
	data := make([]byte, size-p.header)
	for i := range data {
		data[i] = byte(i + seq)
	}
	return data
}

// send sends an echo request in an IP packet of that size.
func (p *path) send(size, seq int) error {
	echo := &icmp.Echo{Seq: seq, Data: p.payload(size, seq)}
	message, err := (&icmp.Message{Type: p.request, Body: echo}).Marshal(nil)
	if err != nil {
		return err
	}
	_, err = p.conn.WriteTo(message, p.to)
	return err
}

// ping sends an echo request in an IP packet of that size, and waits for the reply to exactly that.
func (p *path) ping(size, seq int) error {
	if err := p.send(size, seq); err != nil {
		return err
	}
	buffer := make([]byte, maxPacket)
	for {
		n, _, err := p.conn.ReadFrom(buffer)
		if err != nil {
			return err
		}
		reply, err := icmp.ParseMessage(p.proto, buffer[:n])
		if err != nil {
			return err
		}
		echo, ok := reply.Body.(*icmp.Echo)
		if !ok || reply.Type == p.request || echo.Seq != seq {
			continue
		}
		if want := p.payload(size, seq); !bytes.Equal(echo.Data, want) {
			return fmt.Errorf("the reply carries %x, want %x", echo.Data, want)
		}
		return nil
	}
}

// settle returns when p's tunnel has handled all that the other PE sent before.
func (g *rig) settle(t testing.TB, p *pe) {
	t.Helper()
	other := g.pes[0]
	if p == other {
		other = g.pes[1]
	}
	must(t, other.tunnel.SendControl(controlMessage))
	if got := <-p.control; got != string(controlMessage) {
		t.Fatalf("got the control message %x, want %x", got, controlMessage)
	}
}

// controlMessage is an acknowledgement (RFC 3931 section 3.2.1: T, L, S bits; Length, Control Connection ID, Ns, Nr).
var controlMessage = []byte{0xc8, 3, 0, 12, 0, 0, 0, 1, 0, 2, 0, 3}
