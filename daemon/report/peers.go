package report

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Peers returns all peers, once for each class.
func Peers(views []View) []api.Peer {
	peers := []api.Peer{}
	for _, v := range views {
		peers = append(peers, v.peer())
	}
	return peers
}

// canHaveSessions reports whether links to the peer can have sessions: the control connection is
// established or, if the peer has no signalling, the path is open.
func (v *View) canHaveSessions() bool {
	if v.Static != nil {
		return v.Path.Err == nil
	}
	return v.connected()
}

// connected reports whether the control connection is established.
func (v *View) connected() bool {
	return v.Connection != nil && v.Connection.State == control.Established
}

// unanswered returns how often the oldest message that the peer has not acknowledged was
// retransmitted.
func (v *View) unanswered() int {
	if v.Connection == nil {
		return 0
	}
	return v.Connection.Counters.Retries
}

// retryAt returns when the next attempt to open the path or to establish the control connection
// starts; the zero time if an attempt is in progress or none is scheduled.
func (v *View) retryAt() time.Time {
	if !v.Path.RetryAt.IsZero() {
		return v.Path.RetryAt
	}
	return v.Control.RetryAt
}

// noConnectionReason returns why the control connection is not established, in a few words.
func (v *View) noConnectionReason() string {
	switch reason := v.ipsecReason(); {
	case reason != "":
		return reason
	case v.Path.Err != nil:
		return v.Path.Err.Error()
	case v.IPsec != nil && !v.IPsec.Up():
		return "waiting for IPsec"
	case v.unanswered() > 0 && v.Path.Hint != nil:
		return fmt.Sprintf("no answer from %s: %v", v.Peer, v.Path.Hint)
	case v.unanswered() > 0:
		return "no answer from " + v.Peer
	case v.Control.Ended:
		return v.Control.Why.Text
	case v.Connection == nil:
		return "waiting for " + v.Peer + " to request a control connection"
	}
	return "control connection is being established"
}

func (v *View) peer() api.Peer {
	p := api.Peer{
		Name: v.Peer, Address: v.Config.Where(), IPsec: string(v.Class), State: control.Idle.String(),
		Authentication: v.authentication(), Links: len(v.Links), PathMTU: v.Path.MTU, ESP: v.esp(),
	}
	if v.IPsec != nil {
		p.IKE = ikeState(v.IPsec)
	}
	for _, l := range v.Links {
		if l.Up {
			p.LinksUp++
		}
	}
	if c := v.Connection; c != nil {
		p.State, p.Since = c.State.String(), c.Since
		p.LocalID = idText(c.ID)
		if c.PeerID != 0 {
			p.RemoteID = idText(c.PeerID)
		}
		p.HostName, p.Vendor = c.HostName, c.VendorName
		if c.RouterID != 0 {
			p.RouterID = routerIDText(c.RouterID)
		}
		if !c.LastHeard.IsZero() {
			p.LastHeard = &c.LastHeard
		}
		p.Window = c.Counters.PeerWindow
		p.Sent, p.Received, p.Retransmissions = c.Counters.Sent, c.Counters.Received, c.Counters.Retransmitted
	}
	if t := v.Static; t != nil {
		p.State, p.LocalID, p.RemoteID = "static", idText(t.LocalID), idText(t.PeerID)
		if last := v.Path.Stats.LastHeard; !last.IsZero() {
			p.LastHeard = &last
		}
	}
	if !v.canHaveSessions() {
		p.Reason = v.noConnectionReason()
		if at := v.retryAt(); !at.IsZero() {
			p.RetryAt = &at
		}
	}
	return p
}

func (v *View) authentication() string {
	if len(v.Config.Secret) == 0 {
		return "none"
	}
	return "hmac-" + string(v.Config.Digest)
}
