// Package static opens tunnels without signalling: both ends are configured with the IDs of tunnels
// and sessions. katalix/go-l2tp manages them, and a data plane carries their packets.
//
// go-l2tp's own data plane is not used: it passes the kernel the expected cookie in place of the
// one to send. Its quiescent tunnels are not used either; a test shows the reason.
package static

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/katalix/go-l2tp/l2tp"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane"
)

// IDs are the Control Connection IDs of a tunnel, at the local end and at the peer.
type IDs struct{ Local, Peer uint32 }

// OpenTunnel opens a tunnel of a data plane to a peer without signalling. Its sessions must have
// the IDs of the tunnel.
func OpenTunnel(plane dataplane.Plane, ids IDs, cfg dataplane.TunnelConfig) (dataplane.Tunnel, error) {
	t := &tunnel{plane: plane, cfg: cfg, wanted: make(map[uint32]dataplane.SessionConfig), made: make(map[uint32]dataplane.Session)}
	context, err := l2tp.NewContext(carrier{t}, nil)
	if err != nil {
		return nil, err
	}
	t.context = context
	t.static, err = context.NewStaticTunnel(cfg.Peer.String(), &l2tp.TunnelConfig{
		Local: t.local(), Peer: cfg.Peer.String(),
		Encap: encapsulations[cfg.Encapsulation], Version: l2tp.ProtocolVersion3,
		TunnelID: l2tp.ControlConnID(ids.Local), PeerTunnelID: l2tp.ControlConnID(ids.Peer),
	})
	if err != nil {
		context.Close()
		return nil, err
	}
	return t, nil
}

var encapsulations = map[dataplane.Encapsulation]l2tp.EncapType{
	dataplane.UDP: l2tp.EncapTypeUDP,
	dataplane.IP:  l2tp.EncapTypeIP,
}

// tunnel is a static tunnel of go-l2tp on a tunnel of a data plane.
type tunnel struct {
	dataplane.Tunnel // of the data plane; go-l2tp has opened it through carrier

	plane   dataplane.Plane
	cfg     dataplane.TunnelConfig
	context *l2tp.Context
	static  l2tp.Tunnel

	mu     sync.Mutex
	wanted map[uint32]dataplane.SessionConfig // requested from go-l2tp, by local session ID
	made   map[uint32]dataplane.Session       // created by go-l2tp through carrier
}

// local returns the local address as go-l2tp needs it: never empty.
func (t *tunnel) local() string {
	local := t.cfg.Local
	switch {
	case local.Addr().IsValid():
	case t.cfg.Peer.Addr().Unmap().Is4():
		local = netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
	default:
		local = netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port())
	}
	return local.String()
}

func (t *tunnel) CreateSession(cfg dataplane.SessionConfig) (dataplane.Session, error) {
	t.mu.Lock()
	if _, twice := t.wanted[cfg.LocalID]; twice {
		t.mu.Unlock()
		return nil, fmt.Errorf("session %#x: local session ID is already in use", cfg.LocalID)
	}
	t.wanted[cfg.LocalID] = cfg
	t.mu.Unlock()

	kept, err := t.static.NewSession(fmt.Sprint(cfg.LocalID), &l2tp.SessionConfig{
		SessionID: l2tp.ControlConnID(cfg.LocalID), PeerSessionID: l2tp.ControlConnID(cfg.PeerID),
		Pseudowire: l2tp.PseudowireTypePPP, InterfaceName: cfg.Interface,
		Cookie: cfg.PeerCookie, PeerCookie: cfg.LocalCookie, // go-l2tp names them by their sender
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.wanted, cfg.LocalID)
	if err != nil {
		return nil, err
	}
	s := t.made[cfg.LocalID]
	delete(t.made, cfg.LocalID)
	return &session{Session: s, kept: kept}, nil
}

// Close closes all sessions concurrently, and go-l2tp afterwards: it would close them one after
// another.
func (t *tunnel) Close() error {
	err := t.Tunnel.Close()
	t.context.Close()
	return err
}

// session is a static session of go-l2tp on a session of a data plane.
type session struct {
	dataplane.Session
	kept l2tp.Session

	closing sync.Once
}

func (s *session) Close() (err error) {
	s.closing.Do(func() {
		err = s.Session.Close()
		s.kept.Close() // it returns no error
	})
	return err
}

// carrier is the data plane for go-l2tp.
type carrier struct{ *tunnel }

var _ l2tp.DataPlane = carrier{}

func (c carrier) NewTunnel(*l2tp.TunnelConfig, unix.Sockaddr, unix.Sockaddr, int) (l2tp.TunnelDataPlane, error) {
	under, err := c.plane.OpenTunnel(c.cfg)
	if err != nil {
		return nil, err
	}
	c.Tunnel = under
	return carriedTunnel{under}, nil
}

func (c carrier) NewSession(_, _ l2tp.ControlConnID, cfg *l2tp.SessionConfig) (l2tp.SessionDataPlane, error) {
	id := uint32(cfg.SessionID)
	c.mu.Lock()
	wanted := c.wanted[id]
	c.mu.Unlock()
	under, err := c.Tunnel.CreateSession(wanted)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.made[id] = under
	c.mu.Unlock()
	return carriedSession{under, wanted.Interface}, nil
}

func (carrier) Close() {}

type carriedTunnel struct{ dataplane.Tunnel }

func (t carriedTunnel) Down() error { return t.Close() }

type carriedSession struct {
	dataplane.Session
	name string
}

func (s carriedSession) GetInterfaceName() (string, error) { return s.name, nil }

func (s carriedSession) GetStatistics() (*l2tp.SessionDataPlaneStatistics, error) {
	return nil, errors.ErrUnsupported // the data plane has them
}

func (s carriedSession) Down() error { return s.Close() }
