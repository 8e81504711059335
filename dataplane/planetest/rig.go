// Package planetest tests the contract of package dataplane. The tests of each data plane call Run,
// and RunWith for two that must interoperate. A Rig has network namespaces with two PEs, also for
// tests of a data plane's own.
package planetest

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// Rig is a network in namespaces: two PEs, each with a virtual router, and a provider's router
// between them.
//
//	virtual router | pe 1 -- 192.0.2.0/25 -- core -- 192.0.2.128/25 -- pe 2 | virtual router
type Rig struct {
	Core *Namespace
	PEs  [2]*PE
}

// PE is one of the two PEs.
type PE struct {
	Plane  dataplane.Plane
	Host   *Namespace // the namespace of the daemon
	VR     *Namespace
	V4, V6 netip.Addr // its addresses in the provider's network

	Encapsulation dataplane.Encapsulation // of the tunnels that Open opens
	Tunnel        dataplane.Tunnel

	Control     chan string // messages that its tunnel received
	Unreachable chan error
	PathChanged chan struct{}
}

// NewRig creates a rig with a data plane on each PE, until the test ends.
func NewRig(t testing.TB, planes [2]dataplane.Plane) *Rig {
	t.Helper()
	g := &Rig{Core: NewNamespace(t, "core")}
	for i := range g.PEs {
		p := &PE{
			Plane:       planes[i],
			Host:        NewNamespace(t, fmt.Sprintf("pe%d", i+1)),
			VR:          NewNamespace(t, fmt.Sprintf("vr%d", i+1)),
			V4:          netip.AddrFrom4([4]byte{192, 0, 2, byte(128*i + 1)}),
			V6:          netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::1", i)),
			Control:     make(chan string, 1024),
			Unreachable: make(chan error, 1024),
			PathChanged: make(chan struct{}, 1024),
		}
		g.PEs[i] = p
		// Interfaces of the virtual router have no addresses when they are set up, and neither
		// solicit nor accept router advertisements.
		p.VR.Sysctl(t, "ipv6/conf/default/addr_gen_mode", "1") // IN6_ADDR_GEN_MODE_NONE
		p.VR.Sysctl(t, "ipv6/conf/default/accept_ra", "0")
		link := fmt.Sprintf("to-pe%d", i+1)
		connect(t, g.Core, link, p.Host, "core")
		for _, address := range []netip.Prefix{netip.PrefixFrom(p.V4, 25), netip.PrefixFrom(p.V6, 64)} {
			g.Core.Address(t, link, netip.PrefixFrom(address.Addr().Next(), address.Bits()), netip.Addr{})
			p.Host.Address(t, "core", address, netip.Addr{})
			p.Host.DefaultRoute(t, address.Addr().Next())
		}
	}
	g.Core.Sysctl(t, "ipv4/ip_forward", "1")
	g.Core.Sysctl(t, "ipv6/conf/all/forwarding", "1")
	for _, p := range g.PEs {
		p.Host.waitForAddress(t, p.V6)
		g.Core.waitForAddress(t, p.V6.Next())
	}
	return g
}

// Open opens the PE's tunnel; over UDP both ports are 1701.
func (p *PE) Open(local, peer netip.Addr) error {
	return p.Host.Do(func() (err error) {
		p.Tunnel, err = p.Plane.OpenTunnel(dataplane.TunnelConfig{
			Encapsulation: p.Encapsulation,
			Local:         netip.AddrPortFrom(local, 1701),
			Peer:          netip.AddrPortFrom(peer, 1701),
			Control:       func(message []byte) { p.Control <- string(message) },
			PathChanged:   func() { p.PathChanged <- struct{}{} },
			Unreachable:   func(err error) { p.Unreachable <- err },
		})
		return err
	})
}

// OpenTunnels opens a tunnel at both ends, over IPv4 or IPv6, until the test ends.
func (g *Rig) OpenTunnels(t testing.TB, overIPv6 bool) {
	t.Helper()
	for i, p := range g.PEs {
		local, peer := p.V4, g.PEs[1-i].V4
		if overIPv6 {
			local, peer = p.V6, g.PEs[1-i].V6
		}
		Must(t, p.Open(local, peer))
		tunnel := p.Tunnel
		t.Cleanup(func() { Must(t, tunnel.Close()) })
	}
}

// End is one end of a session.
type End struct {
	*PE
	dataplane.Session
	Config dataplane.SessionConfig
	Inner4 netip.Addr
	Inner6 netip.Addr // link-local, without zone
	Frames chan string
	Gone   chan error
}

// End returns the end on PE i of the session id, with cookies of cookie octets. Create creates it.
func (g *Rig) End(i int, id uint32, cookie int) *End {
	e := &End{
		PE:     g.PEs[i],
		Inner4: netip.AddrFrom4([4]byte{10, byte(id >> 8), byte(id), byte(i)}),
		Inner6: netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(i + 1)}),
		Frames: make(chan string, 1024),
		Gone:   make(chan error, 2),
	}
	e.Config = dataplane.SessionConfig{
		LocalConnectionID: 0x10000 + uint32(i),
		PeerConnectionID:  0x10000 + uint32(1-i),
		LocalID:           id<<1 | uint32(i),
		PeerID:            id<<1 | uint32(1-i),
		LocalCookie:       bytes.Repeat([]byte{byte(0xa0 + i)}, cookie),
		PeerCookie:        bytes.Repeat([]byte{byte(0xa0 + 1 - i)}, cookie),
		Namespace:         e.VR,
		Interface:         fmt.Sprintf("vl%d", id),
		MTU:               1400,
		Deliver:           func(frame []byte) { e.Frames <- string(frame) },
		Gone:              func(err error) { e.Gone <- err },
	}
	return e
}

// Create creates the end with its Config.
func (e *End) Create() (err error) {
	e.Session, err = e.Tunnel.CreateSession(e.Config)
	return err
}

// ConfigureUp sets the interface up and adds its addresses.
func (e *End) ConfigureUp(t testing.TB, other *End) {
	t.Helper()
	name := e.Config.Interface
	e.VR.Up(t, name)
	e.VR.Address(t, name, netip.PrefixFrom(e.Inner4, 32), other.Inner4)
	e.VR.Address(t, name, netip.PrefixFrom(e.Inner6, 64), netip.Addr{})
	e.VR.waitForAddress(t, e.Inner6)
}

// OpenSession creates both ends of a session, opens the NCPs and sets the interfaces up, with an
// MTU in octets.
func (g *Rig) OpenSession(t testing.TB, id uint32, cookie, mtu int) [2]*End {
	t.Helper()
	return g.openSession(t, id, cookie, mtu, dataplane.NoSublayer)
}

func (g *Rig) openSession(t testing.TB, id uint32, cookie, mtu int, sublayer dataplane.Sublayer) [2]*End {
	t.Helper()
	ends := [2]*End{g.End(0, id, cookie), g.End(1, id, cookie)}
	for i, e := range ends {
		e.Config.MTU, e.Config.Sublayer = mtu, sublayer
		Must(t, e.Create())
		e.SetOpen(dataplane.IPv4 | dataplane.IPv6)
		e.ConfigureUp(t, ends[1-i])
	}
	return ends
}

// Settle returns when p's tunnel has handled all that the other PE has sent.
func (g *Rig) Settle(t testing.TB, p *PE) {
	t.Helper()
	other := g.PEs[0]
	if p == other {
		other = g.PEs[1]
	}
	Must(t, other.Tunnel.SendControl(ControlMessage))
	if got := <-p.Control; got != string(ControlMessage) {
		t.Fatalf("received control message %x, want %x", got, ControlMessage)
	}
}

// ControlMessage is an acknowledgement (RFC 3931, section 3.2.1: T, L, S bits; Length, Control
// Connection ID, Ns, Nr).
var ControlMessage = []byte{0xc8, 3, 0, 12, 0, 0, 0, 1, 0, 2, 0, 3}
