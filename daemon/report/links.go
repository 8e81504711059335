package report

import (
	"slices"
	"strings"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// Links returns all links, sorted by VPN and peer.
func Links(views []View) []api.Link {
	links := []api.Link{}
	for _, v := range views {
		for i := range v.Links {
			links = append(links, v.Link(&v.Links[i]))
		}
	}
	slices.SortFunc(links, func(a, b api.Link) int {
		return strings.Compare(a.VPN+"\x00"+a.Peer, b.VPN+"\x00"+b.Peer)
	})
	return links
}

// Link returns one link of the view.
func (v *View) Link(l *session.LinkStatus) api.Link {
	link := api.Link{
		VPN: l.Config.VPN, VPNID: l.Config.VPNID.String(), Peer: v.Peer, VR: l.Config.VR.String(),
		State: v.linkState(l), Since: l.Since, Disabled: l.Config.Disabled, Protocols: []string{}, IPsec: string(v.Class), ESP: v.esp(), Reason: l.Reason,
	}
	if l.Ready {
		link.Interface = l.Config.Interface
	}
	if l.Up {
		link.MTU = l.Interface.MTU
		link.Protocols = protocolNames(l.Open)
		link.Local, link.Remote = addressText(l.Interface.Local), addressText(l.Interface.Peer)
		link.Local6, link.Remote6 = linkLocalText(l.Interface.LinkLocal), linkLocalText(l.Interface.PeerLinkLocal)
	}
	if l.PPP != nil && l.PPP.Echo.Measured {
		link.EchoMS = new(milliseconds(l.PPP.Echo.RTT))
	}
	if link.State != api.LinkUp {
		link.Attempt = l.Failures
		at := l.CallAt
		if !link.Disabled && !v.canHaveSessions() {
			link.Reason = v.noConnectionReason()
			at = v.retryAt()
			link.Attempt = v.Control.Failures
		}
		if !at.IsZero() {
			link.RetryAt = &at
		}
	}
	return link
}

// linkState returns the state of a link. A link is starting if nothing has failed so far, or if the
// current attempt has passed the layer at which the last one failed.
func (v *View) linkState(l *session.LinkStatus) api.LinkState {
	switch {
	case l.Up:
		return api.LinkUp
	case l.Session != nil && (l.Reason == "" || l.Layer < reached(l)):
		return api.LinkStarting
	case l.Reason == "" && v.ipsecReason() == "" && v.Path.Err == nil && v.Path.Hint == nil && !v.Control.Ended && v.unanswered() == 0:
		return api.LinkStarting
	}
	return api.LinkDown
}

// reached returns the layer that the current attempt of a link has reached.
func reached(l *session.LinkStatus) session.Layer {
	switch {
	case l.Session == nil:
		return session.LayerConnection
	case !established(l) && l.Attempt != 0 && !l.Ready:
		return session.LayerDataPlane
	case !established(l):
		return session.LayerSession
	case l.PPP == nil || l.PPP.LCP != ppp.Opened:
		return session.LayerLCP
	case l.Open == 0:
		return session.LayerIPCP
	}
	return session.LayerInterface
}

// established reports whether the session of a link is established. Without signalling it is as
// soon as this end has its interface.
func established(l *session.LinkStatus) bool {
	return l.Session.State == control.SessionEstablished || l.Session.State == control.SessionStatic && l.Ready
}
