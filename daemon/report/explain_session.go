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
		return fine("%s ⇄ %s, requested by %s", idText(s.ID), idText(s.PeerID), by)
	case e.failedAt(session.LayerSession):
		return broken(e.l.Reason+e.retryText()+e.wrongClassText("under IPsec"), e.sessionAdvice())
	case e.failedAt(session.LayerDataPlane):
		return skipped("waiting for the interface")
	case e.failedBeyond(session.LayerSession):
		return fineBefore("established")
	case s != nil && s.Initiator && s.PeerID == 0:
		return pending("requested; waiting for %s to answer", e.Peer)
	case s != nil && s.Initiator:
		return pending("%s has answered; the interface is being created", e.Peer)
	case s != nil:
		return pending("requested by %s; being set up", e.Peer)
	case e.l.Queued:
		return pending("the request waits until fewer requests to %s are pending", e.Peer)
	case e.l.CallAt.After(e.Now):
		return pending("waiting for %s to request it; this host requests it in %s%s", e.Peer, api.DurationText(e.l.CallAt.Sub(e.Now)),
			e.wrongClassText("under IPsec"))
	}
	return pending("waiting for %s to request it%s", e.Peer, e.wrongClassText("under IPsec"))
}

// sessionAdvice returns what to do about a session that was refused or was not set up.
func (e explainer) sessionAdvice() string {
	id := e.l.Config.VPNID
	switch e.l.Refused {
	case l2tp.CDNPermanentFacilities:
		return fmt.Sprintf("%s has no such link to this host. Compare `l2tpvl-ctl vpns` on both: the VPN-ID (%s) and `ipsec` must be the "+
			"same, and the `links` of each side must name the other.", e.Peer, id)
	case l2tp.CDNTemporaryFacilities:
		return fmt.Sprintf("%s cannot create its end of the link now. Run `l2tpvl-ctl explain` there.", e.Peer)
	case l2tp.CDNLostCarrier:
		return fmt.Sprintf("%s has ended the link because it failed there. Run `l2tpvl-ctl explain` there.", e.Peer)
	case l2tp.CDNAdministrative:
		return fmt.Sprintf("The operator of %s, or its shutdown, has ended the link. There is nothing to do on this host.", e.Peer)
	case 0, l2tp.CDNLostTie: // the peer has not refused it
		return fmt.Sprintf("l2tpvld tries again by itself. If the link does not come up, check the log of %s.", e.Peer)
	}
	return fmt.Sprintf("%s does not accept the session that this host requests. Check its log.", e.Peer)
}
