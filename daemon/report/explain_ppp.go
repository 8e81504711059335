package report

import (
	"fmt"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

func (e explainer) lcp() finding {
	p := e.l.PPP
	switch {
	case p != nil && p.LCP == ppp.Opened:
		text := fmt.Sprintf("opened, peer's MRU %d", p.PeerMRU)
		if p.Echo.Measured {
			text += fmt.Sprintf(", echo %.1f ms, %d of %d lost", float64(p.Echo.RTT)/1e6, p.Echo.Lost, p.Echo.Sent)
		}
		text += authText("peer", p.PeerAuth) + authText("we", p.LocalAuth)
		if p.PeerAuth.State == ppp.AuthPending || p.LocalAuth.State == ppp.AuthPending {
			return pending("%s", text)
		}
		return fine("%s", text)
	case e.failedAt(session.LayerLCP) && e.l.Config.PPP.Auth != nil:
		return broken(e.l.Reason+e.retryText(), fmt.Sprintf("If it is about authentication, compare `ppp_auth` of this VPN and link with that on %s: "+
			"each end's name and secret must be those that the other expects. If not, look for a filter on the way, and at the drops in "+
			"`l2tpvl-ctl status` and `sessions` on both sides.", e.Peer))
	case e.l.Paused:
		return skipped("waits for the interface")
	case e.failedAt(session.LayerLCP):
		return broken(e.l.Reason+e.retryText(), e.lcpAdvice())
	case e.failedAt(session.LayerDataPlane):
		return skipped("waits for the interface")
	case e.failedBeyond(session.LayerLCP):
		return seen("opened")
	case p != nil:
		return pending("in state %s", p.LCP)
	}
	return pending("waiting for the session")
}

// lcpAdvice is what to do about a link whose frames do not pass. The control connection notices a
// dead peer later than the echoes in the links do.
func (e explainer) lcpAdvice() string {
	if e.Static != nil {
		return e.staticAdvice()
	}
	if c := e.Connection; c != nil && !c.LastHeard.After(e.l.Since) {
		return fmt.Sprintf("Nothing at all has been heard of %s for %s: it may be dead or cut off, which the control connection will "+
			"find out by itself. Is l2tpvld running there, and does the way to it work?", e.Peer, api.DurationText(e.Now.Sub(c.LastHeard)))
	}
	return fmt.Sprintf("Control messages pass, data messages may not: look for a filter on the way, and at the drops in "+
		"`l2tpvl-ctl status` and `sessions` on both sides. `l2tpvl-ctl explain` on %s has its view.", e.Peer)
}

// authText is one direction of the authentication, to go on with a text; empty if there is none.
func authText(who string, a ppp.AuthStatus) string {
	if a.Protocol == 0 {
		return ""
	}
	if a.Name != "" {
		who += " as " + a.Name
	}
	return fmt.Sprintf(", %s by %v: %s", who, a.Protocol, a.State)
}

func (e explainer) ipcp() finding {
	p := e.ppp()
	return e.ncp(session.LayerIPCP, "ipv4", e.l.Config.PPP.IPv4 != nil, p.IPCP, fmt.Sprintf("Compare `address` and `peer_address` of this "+
		"link with those on %s: each side's own address must be the one that the other expects, and no two may be the same. "+
		"After a change of the configuration: `l2tpvl-ctl reload`.", e.Peer))
}

func (e explainer) ipv6cp() finding {
	p := e.ppp()
	return e.ncp(session.LayerIPv6CP, "ipv6", e.l.Config.PPP.IPv6 != nil, p.IPV6CP, fmt.Sprintf("If the link is to run without IPv6, say "+
		"`ipv6: false` for it here too. Otherwise see that %s runs IPv6 on it, and that the path's MTU has room for it.", e.Peer))
}

// ppp is the status of PPP, of one that has not begun if there is none.
func (e explainer) ppp() ppp.Status {
	if e.l.PPP == nil {
		return ppp.Status{}
	}
	return *e.l.PPP
}

// ncp is what is found of a network control protocol, whose configuration has that key.
func (e explainer) ncp(layer session.Layer, key string, configured bool, state ppp.State, advice string) finding {
	switch {
	case !configured:
		return skipped(fmt.Sprintf("not configured (%s: false)", key))
	case state == ppp.Opened:
		return fine("opened")
	case e.l.Paused:
		return skipped("waits for the interface")
	case e.failedAt(layer):
		return broken(e.l.Reason+e.retryText(), advice)
	case e.failedAt(session.LayerDataPlane):
		return skipped("waits for the interface")
	case e.failedAt(session.LayerInterface):
		return seen("opened")
	case e.l.PPP == nil:
		return skipped("")
	}
	return pending("in state %s", state)
}
