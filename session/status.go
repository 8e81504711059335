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

// LinkStatus is what is known of a link at one time.
type LinkStatus struct {
	Config   LinkConfig
	Up       bool
	Since    time.Time    // when it became so
	Reason   string       // why the last attempt failed, or why it lacks a protocol; empty: no complaint
	Layer    Layer        // where it failed, if there is a Reason
	Refused  l2tp.CDNCode // the code of the peer's CDN, if that ended the last attempt; else 0
	Failures int          // attempts that failed since it was last up for a while
	CallAt   time.Time    // when it asks the peer for a session; zero: it does not wait for that
	InLine   bool         // it asks as soon as others that have asked before have their answer

	Session   *SessionStatus // nil: there is none
	Attempt   Attempt        // 0: the data plane was not asked
	Ready     bool           // the data plane's session is there
	PPP       *ppp.Status    // nil: PPP was not reached
	Open      dataplane.Protocols
	Interface vr.Interface       // as it was last asked for
	Overhead  dataplane.Overhead // of what we send, with the peer's cookie
	SetDown   bool               // the operator has set the interface down
	Paused    bool               // the interface here or at the peer is down, and PPP stands still
}

// SessionStatus is what is known of a control session.
type SessionStatus struct {
	State                   control.SessionState
	Initiator               bool
	ID, PeerID              uint32
	LocalCookie, PeerCookie []byte
	Circuit, PeerCircuit    l2tp.CircuitStatus // of the two interfaces
	Sublayer                dataplane.Sublayer // of data messages, both ways
}

// PairStatus is what is known of a pair at one time. It shares no memory with the Pair.
type PairStatus struct {
	Peer       string
	Control    control.Status // its Connection is nil: see Connection
	Connection *ConnectionStatus
	Static     *StaticTunnel // nil: there is signalling
	Links      []LinkStatus
	RTTs       ppp.RTTs                  // of the LCP echoes of all links, those of attempts that are over too
	Astray     map[endid.VPNID]time.Time // when the peer last called for a VPN of PairConfig.Elsewhere; zero: never
	Unknown    map[endid.VPNID]Calls     // the peer's for what has no link here, the latest of them
}

// ConnectionStatus is what is known of a control connection.
type ConnectionStatus struct {
	State                control.State
	Since                time.Time
	Initiator            bool
	ID, PeerID           uint32
	HostName, VendorName string
	RouterID             uint32
	Nonce, PeerNonce     []byte // of its digests
	LastHeard            time.Time
	Counters             control.Counters
}

// Status returns the present status.
func (p *Pair) Status() PairStatus {
	s := PairStatus{
		Peer: p.cfg.Peer, Static: p.cfg.Static, Control: p.control.Status(), RTTs: p.rtts,
		Astray: maps.Clone(p.astray), Unknown: maps.Clone(p.unknown),
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
		Failures: l.failures, CallAt: l.callAt, InLine: l.inLine, Attempt: l.attempt, Ready: l.ready, Open: l.open, Interface: l.wanted,
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
			s.Layer, s.Reason = l.lacks(&status)
		}
	}
	return s
}
