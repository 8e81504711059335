// Package static is tunnels without signalling: katalix/go-l2tp keeps them, with their sessions, by
// IDs that both ends are configured with, and a data plane carries their packets.
//
// go-l2tp's own data plane does not serve: it gives the kernel one cookie in place of another. Nor
// do its quiescent tunnels. The tests show what is wrong.
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

// IDs are those of a tunnel: ours and the peer's.
type IDs struct{ Local, Peer uint32 }

// OpenTunnel opens a tunnel of a data plane to a peer without signalling. Sessions are of that
// tunnel's IDs.
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

// tunnel is a static tunnel of go-l2tp on one of a data plane.
type tunnel struct {
	dataplane.Tunnel // the data plane's, which go-l2tp has opened by carrier

	plane   dataplane.Plane
	cfg     dataplane.TunnelConfig
	context *l2tp.Context
	static  l2tp.Tunnel

	mu     sync.Mutex
	wanted map[uint32]dataplane.SessionConfig // what go-l2tp has been asked for, by local session ID
	made   map[uint32]dataplane.Session       // and what it got
}

// local is where the tunnel begins, as go-l2tp wants it: never empty.
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
		return nil, fmt.Errorf("session %#x: there is a session with this local session ID", cfg.LocalID)
	}
	t.wanted[cfg.LocalID] = cfg
	t.mu.Unlock()

	kept, err := t.static.NewSession(fmt.Sprint(cfg.LocalID), &l2tp.SessionConfig{
		SessionID: l2tp.ControlConnID(cfg.LocalID), PeerSessionID: l2tp.ControlConnID(cfg.PeerID),
		Pseudowire: l2tp.PseudowireTypePPP, InterfaceName: cfg.Interface,
		Cookie: cfg.PeerCookie, PeerCookie: cfg.LocalCookie, // go-l2tp names them by who sends them
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

// Close ends all sessions at once. go-l2tp, which would end them one after another, finds that out
// afterwards.
func (t *tunnel) Close() error {
	err := t.Tunnel.Close()
	t.context.Close()
	return err
}

// session is a static session of go-l2tp on one of a data plane.
type session struct {
	dataplane.Session
	kept l2tp.Session

	closing sync.Once
}

func (s *session) Close() (err error) {
	s.closing.Do(func() {
		err = s.Session.Close()
		s.kept.Close() // which has no error to tell
	})
	return err
}

// carrier is the data plane as go-l2tp sees it.
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
	return nil, errors.ErrUnsupported // who wants to know asks the data plane
}

func (s carriedSession) Down() error { return s.Close() }
