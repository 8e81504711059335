package userspace

import (
	"net/netip"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/internal/peersocket"
)

// socket is connected to the peer.
type socket interface {
	Write(datagram []byte) (int, error)
	Close() error
	LocalAddrPort() netip.AddrPort
	PathMTU() (int, error)

	// receive waits for a datagram and reads it into b[from:to], where from is at least at. It
	// returns zeros for a datagram of another sender than the peer.
	receive(b []byte, at int) (from, to int, err error)
}

func dial(cfg dataplane.TunnelConfig) (socket, error) {
	if cfg.Encapsulation == dataplane.IP {
		s, err := peersocket.DialRaw(cfg.Local.Addr(), cfg.Peer.Addr())
		return rawSocket{s}, err
	}
	s, err := peersocket.Dial(cfg.Local, cfg.Peer)
	return udpSocket{s}, err
}

type udpSocket struct{ *peersocket.Socket }

func (s udpSocket) receive(b []byte, at int) (from, to int, err error) {
	n, fromPeer, err := s.Receive(b[at:])
	if err != nil || !fromPeer {
		return 0, 0, err
	}
	return at, at + n, nil
}

type rawSocket struct{ *peersocket.Raw }

func (s rawSocket) receive(b []byte, at int) (from, to int, err error) {
	from, to, err = s.Receive(b[at:])
	return at + from, at + to, err
}
