package report

import (
	"fmt"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/session"
)

func (e explainer) session() finding {
	s := e.l.Session
	switch {
	case e.Static != nil:
		return e.staticSession()
	case s != nil && s.State == control.SessionEstablished:
		by := e.Peer
		if s.Initiator {
			by = "this host"
		}
		return fine("%s ⇄ %s, asked for by %s", idText(s.ID), idText(s.PeerID), by)
	case e.failedAt(session.LayerSession):
		return broken(e.l.Reason+e.retryText()+e.astrayText("under IPsec"), e.sessionAdvice())
	case e.failedAt(session.LayerDataPlane):
		return skipped("waits for the interface")
	case e.failedBeyond(session.LayerSession):
		return seen("established")
	case s != nil && s.Initiator && s.PeerID == 0:
		return pending("asked for; waiting for %s to answer", e.Peer)
	case s != nil && s.Initiator:
		return pending("%s has answered; the interface is being made", e.Peer)
	case s != nil:
		return pending("asked for by %s; being set up", e.Peer)
	case e.l.Queued:
		return pending("this host asks %s for it next, after other links", e.Peer)
	case e.l.CallAt.After(e.Now):
		return pending("left to %s to ask for; this host asks in %s%s", e.Peer, api.DurationText(e.l.CallAt.Sub(e.Now)), e.astrayText("under IPsec"))
	}
	return pending("waiting for %s to ask for it%s", e.Peer, e.astrayText("under IPsec"))
}

func (e explainer) sessionAdvice() string {
	id := e.l.Config.VPNID
	switch e.l.Refused {
	case l2tp.CDNPermanentFacilities:
		return fmt.Sprintf("%s has no such link to this host. Compare `l2tpvl-ctl vpns` on both: the VPN-ID, %s, and IPsec must be the "+
			"same, and each side's `links` must name the other.", e.Peer, id)
	case l2tp.CDNTemporaryFacilities:
		return fmt.Sprintf("%s cannot make its end of the link now. `l2tpvl-ctl explain` there says why.", e.Peer)
	case l2tp.CDNLostCarrier:
		return fmt.Sprintf("%s has given the link up. `l2tpvl-ctl explain` there has its view.", e.Peer)
	case l2tp.CDNAdministrative:
		return fmt.Sprintf("The operator of %s, or its shutdown, has ended the link. Nothing is to be done here.", e.Peer)
	case 0, l2tp.CDNLostTie: // the peer has not refused it
		return fmt.Sprintf("l2tpvld tries again by itself. See the log of %s if it does not come up.", e.Peer)
	}
	return fmt.Sprintf("%s does not take the session as this host asks for it. See its log.", e.Peer)
}
