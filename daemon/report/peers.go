package report

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Peers reports on all peers, once for each class.
func Peers(views []View) []api.Peer {
	peers := []api.Peer{}
	for _, v := range views {
		peers = append(peers, v.peer())
	}
	return peers
}

// agreed reports whether links can have sessions: there is a control connection, or there need be
// none and there is a path.
func (v *View) agreed() bool {
	if v.Static != nil {
		return v.Path.Err == nil
	}
	return v.connected()
}

// connected reports whether there is a control connection.
func (v *View) connected() bool {
	return v.Connection != nil && v.Connection.State == control.Established
}

// silence is how often the message that the peer should acknowledge was sent again.
func (v *View) silence() int {
	if v.Connection == nil {
		return 0
	}
	return v.Connection.Counters.Retries
}

// retryAt is when the next attempt at a path or a control connection starts; zero: one is under
// way, or none is planned.
func (v *View) retryAt() time.Time {
	if !v.Path.RetryAt.IsZero() {
		return v.Path.RetryAt
	}
	return v.Control.RetryAt
}

// noConnectionReason says in a few words why there is no control connection.
func (v *View) noConnectionReason() string {
	switch reason := v.unprotectedReason(); {
	case reason != "":
		return reason
	case v.Path.Err != nil:
		return v.Path.Err.Error()
	case v.IPsec != nil && !v.IPsec.Up():
		return "waiting for IPsec"
	case v.silence() > 0 && v.Path.Hint != nil:
		return fmt.Sprintf("no answer from %s: %v", v.Peer, v.Path.Hint)
	case v.silence() > 0:
		return "no answer from " + v.Peer
	case v.Control.Ended:
		return v.Control.Why.Text
	case v.Connection == nil:
		return "waiting for " + v.Peer + " to call"
	}
	return "control connection on its way"
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
		if heard := v.Path.Stats.LastHeard; !heard.IsZero() {
			p.LastHeard = &heard
		}
	}
	if !v.agreed() {
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
