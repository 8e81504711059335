package session

import (
	"maps"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/vr"
)

// LinkStatus is a snapshot of a link.
type LinkStatus struct {
	Config   LinkConfig
	Up       bool
	Since    time.Time    // when Up last changed
	Reason   string       // why the last attempt failed or a protocol is missing; empty: neither
	Layer    Layer        // the layer of Reason
	Refused  l2tp.CDNCode // the code of the peer's CDN, if that ended the last attempt; otherwise 0
	Failures int          // failed attempts since it was last up for Retry.Max or longer
	CallAt   time.Time    // when it requests a session; zero: no request is planned
	Queued   bool         // its session request waits until fewer are pending

	Session   *SessionStatus // nil: no session
	Attempt   Attempt        // 0: no session of the data plane was requested
	Ready     bool           // the data plane's session exists
	PPP       *ppp.Status    // nil: PPP has not started
	Open      dataplane.Protocols
	Interface vr.Interface       // as last requested by Configure
	Overhead  dataplane.Overhead // of sent packets, with the peer's cookie
	SetDown   bool               // the operator has set the interface down
	Paused    bool               // the interface here or at the peer is down, and PPP is paused
}

// SessionStatus is a snapshot of a control session.
type SessionStatus struct {
	State                   control.SessionState
	Initiator               bool
	ID, PeerID              uint32
	LocalCookie, PeerCookie []byte
	Circuit, PeerCircuit    l2tp.CircuitStatus // of the two interfaces
	Sublayer                dataplane.Sublayer // of data messages, in both directions
}

// PairStatus is a snapshot of a pair. It shares no memory with the Pair.
type PairStatus struct {
	Peer       string
	Control    control.Status // its Connection is nil: see Connection
	Connection *ConnectionStatus
	Static     *StaticTunnel // nil: the peer has signalling
	Links      []LinkStatus
	RTTs       ppp.RTTs // of the LCP echoes of all links, also those of earlier attempts

	// WrongClass has the VPNs in PairConfig.OtherClass, each with the time of the peer's last
	// session request for it on this connection; zero: never.
	WrongClass map[endid.VPNID]time.Time

	// Unknown has the peer's latest session requests for VPN-IDs without a link here.
	Unknown map[endid.VPNID]Calls
}

// ConnectionStatus is a snapshot of a control connection.
type ConnectionStatus struct {
	State                control.State
	Since                time.Time
	Initiator            bool
	ID, PeerID           uint32
	HostName, VendorName string
	RouterID             uint32
	Nonce, PeerNonce     []byte // of its message digests
	LastHeard            time.Time
	Counters             control.Counters
}

// Status returns a snapshot of the pair.
func (p *Pair) Status() PairStatus {
	s := PairStatus{
		Peer: p.cfg.Peer, Static: p.cfg.Static, Control: p.control.Status(), RTTs: p.rtts,
		WrongClass: maps.Clone(p.wrongClass), Unknown: maps.Clone(p.unknown),
	}
	if c := s.Control.Connection; c != nil {
		s.Connection = &ConnectionStatus{
			State: c.State, Since: c.Since, Initiator: c.Initiator, ID: c.ID, PeerID: c.PeerID,
			HostName: c.HostName, VendorName: c.VendorName, RouterID: c.RouterID,
			LastHeard: c.LastHeard, Counters: c.Counters(),
		}
		s.Connection.Nonce, s.Connection.PeerNonce = c.Nonces()
		s.Control.Connection = nil
	}
	for _, l := range p.order {
		status := l.status()
		if status.PPP != nil {
			s.RTTs.Merge(&status.PPP.Echo.RTTs)
		}
		s.Links = append(s.Links, status)
	}
	return s
}

func (l *Link) status() LinkStatus {
	s := LinkStatus{
		Config: l.LinkConfig, Up: l.inUse, Since: l.since, Reason: l.reason, Layer: l.layer, Refused: l.refused,
		Failures: l.failures, CallAt: l.callAt, Queued: l.queued, Attempt: l.attempt, Ready: l.ready, Open: l.open, Interface: l.wanted,
		Overhead: l.overhead(0), SetDown: l.setDown, Paused: l.paused,
	}
	if c := l.session; c != nil {
		s.Overhead = l.overhead(len(c.PeerCookie))
		s.Session = &SessionStatus{c.State, c.Initiator, c.ID, c.PeerID, c.LocalCookie, c.PeerCookie, c.Circuit, c.PeerCircuit, l.sublayer()}
	}
	if l.ppp != nil {
		status := l.ppp.Status()
		s.PPP = &status
		if s.Reason == "" {
			s.Layer, s.Reason = l.missingProtocol(&status)
		}
	}
	return s
}
