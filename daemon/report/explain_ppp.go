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
		text += authText("peer", p.PeerAuth) + authText("this host", p.LocalAuth)
		if p.PeerAuth.State == ppp.AuthPending || p.LocalAuth.State == ppp.AuthPending {
			return pending("%s", text)
		}
		return fine("%s", text)
	case e.failedAt(session.LayerLCP) && e.l.Config.PPP.Auth != nil:
		return broken(e.l.Reason+e.retryText(), fmt.Sprintf("If authentication failed, compare `ppp_auth` of this VPN and link with that on %s: the name and "+
			"secret of each end must be those that the other end expects. Otherwise look for a packet filter on the path, and check the drops "+
			"in `l2tpvl-ctl status` and `l2tpvl-ctl sessions` on both sides.", e.Peer))
	case e.l.Paused:
		return skipped("waiting for the interface")
	case e.failedAt(session.LayerLCP):
		return broken(e.l.Reason+e.retryText(), e.lcpAdvice())
	case e.failedAt(session.LayerDataPlane):
		return skipped("waiting for the interface")
	case e.failedBeyond(session.LayerLCP):
		return fineBefore("opened")
	case p != nil:
		return pending("in state %s", p.LCP)
	}
	return pending("waiting for the session")
}

// lcpAdvice returns what to do about a link whose frames do not pass. The control connection
// detects a dead peer later than the echoes on the links do.
func (e explainer) lcpAdvice() string {
	if e.Static != nil {
		return e.staticAdvice()
	}
	if c := e.Connection; c != nil && !c.LastHeard.After(e.l.Since) {
		return fmt.Sprintf("Nothing was received from %s for %s: it may be dead or unreachable, which the control connection will detect "+
			"by itself. Check that l2tpvld runs there and that the path to it works.", e.Peer, api.DurationText(e.Now.Sub(c.LastHeard)))
	}
	return fmt.Sprintf("Control messages pass, but data messages may not: look for a packet filter on the path, and check the drops in "+
		"`l2tpvl-ctl status` and `l2tpvl-ctl sessions` on both sides. Run `l2tpvl-ctl explain` on %s too.", e.Peer)
}

// authText returns one direction of the authentication as the end of a text; "" if there is none.
func authText(whose string, a ppp.AuthStatus) string {
	if a.Protocol == 0 {
		return ""
	}
	if a.Name != "" {
		whose += " (" + a.Name + ")"
	}
	return fmt.Sprintf(", %v of %s: %s", a.Protocol, whose, a.State)
}

func (e explainer) ipcp() finding {
	p := e.ppp()
	return e.ncp(session.LayerIPCP, "ipv4", e.l.Config.PPP.IPv4 != nil, p.IPCP, fmt.Sprintf("Compare `address` and `peer_address` of this "+
		"link with those on %s: the address of each end must be the one that the other end expects, and the two must differ. "+
		"After a change of the configuration run `l2tpvl-ctl reload`.", e.Peer))
}

func (e explainer) ipv6cp() finding {
	p := e.ppp()
	return e.ncp(session.LayerIPv6CP, "ipv6", e.l.Config.PPP.IPv6 != nil, p.IPV6CP, fmt.Sprintf("To run the link without IPv6, set "+
		"`ipv6: false` for it here too. Otherwise check that %s runs IPv6 on it, and that the path MTU is large enough for IPv6.", e.Peer))
}

// ppp returns the status of PPP; its zero value, with all protocols in state Initial, if PPP has
// not started.
func (e explainer) ppp() ppp.Status {
	if e.l.PPP == nil {
		return ppp.Status{}
	}
	return *e.l.PPP
}

// ncp examines a network control protocol. Its key in the configuration is only for the text.
func (e explainer) ncp(layer session.Layer, key string, configured bool, state ppp.State, advice string) finding {
	switch {
	case !configured:
		return skipped(fmt.Sprintf("not configured (%s: false)", key))
	case state == ppp.Opened:
		return fine("opened")
	case e.l.Paused:
		return skipped("waiting for the interface")
	case e.failedAt(layer):
		return broken(e.l.Reason+e.retryText(), advice)
	case e.failedAt(session.LayerDataPlane):
		return skipped("waiting for the interface")
	case e.failedAt(session.LayerInterface):
		return fineBefore("opened")
	case e.l.PPP == nil:
		return skipped("")
	}
	return pending("in state %s", state)
}
