package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/listen"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/vr"
)

// delay is the one-way delay of the fake network.
const delay = 5 * time.Millisecond

// network is the provider's network between fake data planes. It delivers in order.
type network struct {
	carrying  sync.Mutex // held during a delivery
	inTransit []func()

	mu      sync.Mutex
	cut     bool
	tunnels map[ends]*tunnel // the newest between two addresses
	hosts   map[netip.AddrPort]*pe
	// nat maps an inside address to the address that other hosts see.
	nat map[netip.AddrPort]netip.AddrPort
	// seen is called for each control message, unless it is nil.
	seen func(message []byte, from, to netip.AddrPort)
	// passes reports whether packets pass between two addresses; nil: they do.
	passes func(from, to netip.AddrPort) bool
}

// ends are the addresses of a connected socket.
type ends struct{ local, peer netip.AddrPort }

// translate makes other hosts see another address in place of inside.
func (n *network) translate(inside, outside netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nat[inside] = outside
}

// outside returns the address that other hosts see.
func (n *network) outside(inside netip.AddrPort) netip.AddrPort {
	if outside, ok := n.nat[inside]; ok {
		return outside
	}
	return inside
}

// inside returns the real address behind one that other hosts see.
func (n *network) inside(outside netip.AddrPort) netip.AddrPort {
	for inside, as := range n.nat {
		if as == outside {
			return inside
		}
	}
	return outside
}

func (n *network) setCut(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
}

// deliver delivers to the tunnel at an address, or else to the listener there.
func (n *network) deliver(from, to netip.AddrPort, toTunnel func(*tunnel), toListener func(l *listen.Listener, from netip.AddrPort)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut || n.passes != nil && !n.passes(from, to) {
		return
	}
	from, to = n.outside(from), n.inside(to)
	n.inTransit = append(n.inTransit, func() {
		n.mu.Lock()
		t, l := n.tunnels[ends{to, from}], n.hosts[to].listenerAt(to)
		n.mu.Unlock()
		switch {
		case t != nil:
			toTunnel(t)
		case l != nil:
			toListener(l, from)
		}
	})
	time.AfterFunc(delay, n.arrive)
}

// arrive makes the oldest delivery in transit.
func (n *network) arrive() {
	n.carrying.Lock()
	defer n.carrying.Unlock()
	n.mu.Lock()
	deliver := n.inTransit[0]
	n.inTransit = n.inTransit[1:]
	n.mu.Unlock()
	deliver()
}

// plane is the fake data plane of one PE.
type plane struct {
	network *network
	block   func()                       // called by CreateSession; nil: not called
	closing func()                       // called by a session's Close; nil: not called
	opened  func(dataplane.TunnelConfig) // called for each tunnel; nil: not called

	mu       sync.Mutex
	refused  error     // error of OpenTunnel; nil: it succeeds
	calls    int       // number of calls of OpenTunnel
	calledAt time.Time // time of the last call
	tunnels  []*tunnel
	sessions int // existing sessions
}

func (*plane) Name() string { return "fake" }

func (p *plane) OpenTunnel(cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.calledAt = p.calls+1, time.Now()
	if p.refused != nil {
		return nil, fmt.Errorf("open: %w", p.refused)
	}
	if p.opened != nil {
		p.opened(cfg)
	}
	t := &tunnel{plane: p, cfg: cfg, sessions: make(map[uint32]*fakeSession)}
	t.mtu.Store(1500)
	p.tunnels = append(p.tunnels, t)
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	p.network.tunnels[ends{cfg.Local, cfg.Peer}] = t
	return t, nil
}

// refuse sets the error of OpenTunnel.
func (p *plane) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = err
}

// tried returns the number of calls of OpenTunnel and the time of the last one.
func (p *plane) tried() (times int, last time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls, p.calledAt
}

// newest returns the tunnel opened last.
func (p *plane) newest() *tunnel {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tunnels[len(p.tunnels)-1]
}

// count returns the number of tunnels opened so far, of open tunnels, and of existing sessions.
func (p *plane) count() (opened, open, sessions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tunnels {
		if !t.closed.Load() {
			open++
		}
	}
	return len(p.tunnels), open, p.sessions
}

type tunnel struct {
	plane  *plane
	cfg    dataplane.TunnelConfig
	mtu    atomic.Int64
	closed atomic.Bool
	heard  atomic.Int64

	mu       sync.Mutex // held during callbacks
	sessions map[uint32]*fakeSession
}

func (t *tunnel) LocalAddr() netip.AddrPort { return t.cfg.Local }
func (t *tunnel) PathMTU() (int, error)     { return int(t.mtu.Load()), nil }

func (t *tunnel) Stats() dataplane.TunnelStats {
	var s dataplane.TunnelStats
	if at := t.heard.Load(); at != 0 {
		s.LastHeard = time.Unix(0, at)
	}
	return s
}

func (t *tunnel) SendControl(message []byte) error {
	message = bytes.Clone(message)
	if seen := t.plane.network.seen; seen != nil {
		seen(message, t.cfg.Local, t.cfg.Peer)
	}
	t.plane.network.deliver(t.cfg.Local, t.cfg.Peer,
		func(peer *tunnel) {
			peer.mu.Lock()
			defer peer.mu.Unlock()
			if !peer.closed.Load() {
				peer.cfg.Control(message)
			}
		},
		func(l *listen.Listener, from netip.AddrPort) { l.Receive(message, from) })
	return nil
}

func (t *tunnel) CreateSession(cfg dataplane.SessionConfig) (dataplane.Session, error) {
	if t.plane.block != nil {
		t.plane.block()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return nil, net.ErrClosed
	}
	s := &fakeSession{tunnel: t, cfg: cfg}
	t.sessions[cfg.LocalID] = s
	t.plane.mu.Lock()
	defer t.plane.mu.Unlock()
	t.plane.sessions++
	return s, nil
}

// all returns the existing sessions.
func (t *tunnel) all() []*fakeSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.sessions))
}

func (t *tunnel) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Swap(true) {
		return errors.New("closed twice")
	}
	n := t.plane.network
	n.mu.Lock()
	if at := (ends{t.cfg.Local, t.cfg.Peer}); n.tunnels[at] == t {
		delete(n.tunnels, at)
	}
	n.mu.Unlock()
	for _, s := range t.sessions {
		s.remove()
	}
	return nil
}

type fakeSession struct {
	tunnel *tunnel
	cfg    dataplane.SessionConfig
	open   atomic.Uint32
	frames atomic.Uint64
	over   sync.Once
}

func (s *fakeSession) SendFrame(frame []byte) error {
	frame = bytes.Clone(frame)
	s.tunnel.plane.network.deliver(s.tunnel.cfg.Local, s.tunnel.cfg.Peer, func(peer *tunnel) {
		peer.mu.Lock()
		defer peer.mu.Unlock()
		if to := peer.sessions[s.cfg.PeerID]; to != nil {
			to.frames.Add(1)
			peer.heard.Store(time.Now().UnixNano())
			to.cfg.Deliver(frame)
		}
	}, func(*listen.Listener, netip.AddrPort) {})
	return nil
}

func (s *fakeSession) SetOpen(p dataplane.Protocols) { s.open.Store(uint32(p)) }

func (s *fakeSession) LastHeard() time.Time { return time.Time{} }

func (s *fakeSession) Stats() dataplane.Stats { return dataplane.Stats{RxFrames: s.frames.Load()} }

func (s *fakeSession) Close() error {
	if closing := s.tunnel.plane.closing; closing != nil {
		closing()
	}
	s.tunnel.mu.Lock()
	defer s.tunnel.mu.Unlock()
	s.remove()
	return nil
}

// remove removes the session. It needs tunnel.mu.
func (s *fakeSession) remove() {
	s.over.Do(func() {
		delete(s.tunnel.sessions, s.cfg.LocalID)
		s.tunnel.plane.mu.Lock()
		defer s.tunnel.plane.mu.Unlock()
		s.tunnel.plane.sessions--
	})
}

// vrs are fake virtual routers that record their configuration.
type vrs struct {
	mu         sync.Mutex
	refused    error
	released   []string
	interfaces map[string]vr.Interface // by VR/interface
	setDown    map[string]bool         // by VR/interface: set down by the operator
}

func (v *vrs) Ensure(s vr.Spec) (Router, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return &fakeRouter{v, s.Name()}, v.refused
}

func (v *vrs) Attach(_ vr.Spec, wanted []vr.Attachment, attached func(string, error)) error {
	for _, a := range wanted {
		attached(a.Name, nil)
	}
	return nil
}

// Release records the released router.
func (v *vrs) Release(s vr.Spec) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.released = append(v.released, s.String())
	return nil
}

func (v *vrs) Close() error { return nil }

// refuse sets the error of Ensure.
func (v *vrs) refuse(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused = err
}

// at returns the interface VR/name.
func (v *vrs) at(key string) vr.Interface {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.interfaces[key]
}

type fakeRouter struct {
	*vrs
	name string
}

func (r *fakeRouter) Do(f func() error) error { return f() }

func (r *fakeRouter) Configure(ifname string, c vr.Interface) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.interfaces[r.name+"/"+ifname] = c
	if c.Up {
		delete(r.setDown, r.name+"/"+ifname)
	}
	return nil
}

func (r *fakeRouter) IsUp(ifname string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := r.name + "/" + ifname
	return r.interfaces[key].Up && !r.setDown[key], nil
}

// setInterface sets the interface of a VPN's link up or down, as the operator does.
func (p *pe) setInterface(vpn string, up bool) {
	key := vpn + "/vl-" + vpn
	p.vrs.mu.Lock()
	p.vrs.setDown[key] = !up
	p.vrs.mu.Unlock()
	p.interfaces.stateChanged(vr.Spec{NetNS: vpn}, "vl-"+vpn, up)
}

// pe is a daemon in the bubble, with a fake data plane, virtual routers, guard and sockets.
type pe struct {
	*Daemon
	portTaken error // error of opening a socket; nil: it succeeds
	plane     *plane
	vrs       *vrs
	guard     *fakeGuard
	logs      *observer.ObservedLogs
	listener  *listen.Listener

	stop func() // stops the daemon, and returns when it has ended
}

// newPE returns a daemon with links of these VPNs to one peer.
func newPE(n *network, name, address, peer, peerAddress string, vpns ...string) *pe {
	core, logs := observer.New(zapcore.DebugLevel)
	cfg := &config.Config{
		Local: config.Local{HostName: name, RouterID: netip.MustParseAddr(address), Address: netip.MustParseAddr(address), Port: 1702},
		Peers: []config.Peer{{
			Name: peer, Address: netip.MustParseAddr(peerAddress), Port: 1702, Secret: config.Secret("secret"),
			Digest: config.DigestSHA1, Role: config.RoleBoth, Hello: 20 * time.Second,
			Retransmit: config.Retransmit{Initial: time.Second, Cap: 4 * time.Second, Retries: 4},
		}},
	}
	for i, vpn := range vpns {
		cfg.VPNs = append(cfg.VPNs, config.VPN{
			Name: vpn, VPNID: endid.New(0x5e, uint32(i+1)), VR: config.VR{NetNS: vpn},
			Echo:  config.Echo{Interval: 5 * time.Second, Fails: 3},
			Links: []config.Link{{Peer: peer, Interface: "vl-" + vpn, IPv4: true, IPv6: true}},
		})
	}
	p := &pe{
		plane: &plane{network: n},
		vrs:   &vrs{interfaces: make(map[string]vr.Interface), setDown: make(map[string]bool)},
		logs:  logs,
		guard: newFakeGuard(),
	}
	p.Daemon = newDaemon(cfg, "test", zap.New(core))
	p.Daemon.plane, p.Daemon.vrs = p.plane, p.vrs
	p.Daemon.guard = p.guard
	p.listeners = listen.New(zap.NewNop(), func(string, netip.AddrPort) (net.PacketConn, error) {
		if p.portTaken != nil {
			return nil, p.portTaken
		}
		return silentConn{}, nil
	})
	p.remake()
	return p
}

// remake makes the loops and listeners of the present configuration.
func (p *pe) remake() {
	p.makeLoops()
	peers := listenPeers(p.loops())
	if err := p.listeners.Open(peers); err != nil {
		panic(err)
	}
	p.listeners.Dispatch(peers)
	p.listener = p.listenerAt(p.localAddrPort())
	p.plane.network.hosts[p.localAddrPort()] = p
}

// listenerAt returns the listener at an address; nil: there is none.
func (p *pe) listenerAt(at netip.AddrPort) *listen.Listener {
	if p == nil {
		return nil
	}
	return p.listeners.At(at)
}

// silentConn is a socket that receives nothing: the network calls the listener itself.
type silentConn struct{ net.PacketConn }

func (silentConn) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, net.ErrClosed }
func (silentConn) Close() error                           { return nil }

// localAddrPort returns the address where the daemon listens for clear links.
func (p *pe) localAddrPort() netip.AddrPort {
	return netip.AddrPortFrom(p.cfg().Local.Address, p.cfg().Local.Port)
}

// start runs the daemon until stop or the end of the test.
func (p *pe) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.startLoops(ctx)
		p.awaitEnd(ctx)
	}()
	p.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(p.stop)
}

// twoPEs returns two daemons with links of these VPNs between them, not started.
func twoPEs(vpns ...string) (n *network, a, b *pe) {
	n = &network{tunnels: make(map[ends]*tunnel), hosts: make(map[netip.AddrPort]*pe), nat: make(map[netip.AddrPort]netip.AddrPort)}
	a = newPE(n, "pe1", "192.0.2.1", "pe2", "192.0.2.2", vpns...)
	b = newPE(n, "pe2", "192.0.2.2", "pe1", "192.0.2.1", vpns...)
	return n, a, b
}

// pass advances the time in the bubble.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (p *pe) look(t *testing.T) *report.View {
	t.Helper()
	v, err := p.loops()[0].view(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &v
}

// allLinks returns the API's answer about the links.
func (p *pe) allLinks(t *testing.T) []api.Link {
	t.Helper()
	links, err := p.Links(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return links
}

// isUp fails the test unless all links are up.
func (p *pe) isUp(t *testing.T) {
	t.Helper()
	for _, l := range p.allLinks(t) {
		if l.State != api.LinkUp {
			t.Fatalf("%s at %s is %s: %s", l.VPN, p.cfg().Local.HostName, l.State, l.Reason)
		}
	}
}

// logged returns the number of log lines with that message.
func (p *pe) logged(message string) int { return p.logs.FilterMessage(message).Len() }
