package daemon

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
	"github.com/l2tpvl/l2tpvl/vr"
)

// explain answers why the link of a VPN to a peer is as it is.
func (d *Daemon) explain(r *http.Request) (api.Explanation, error) {
	vpn, peer := r.PathValue("vpn"), r.PathValue("peer")
	var views []*view // of all classes
	for _, l := range d.loops() {
		if l.name.peer == peer {
			v, err := l.view(r.Context())
			if err != nil {
				return api.Explanation{}, err
			}
			views = append(views, &v)
		}
	}
	for _, v := range views {
		for i := range v.Links {
			if l := &v.Links[i]; l.Config.VPN == vpn {
				for _, other := range views {
					maps.Copy(v.Astray, other.Astray) // calls for it come to those of the other class
				}
				v.count()
				return explainLink(v, l), nil
			}
		}
	}
	if views == nil {
		return api.Explanation{}, notFound("no peer %q is configured here", peer)
	}
	return api.Explanation{}, notFound("no link of VPN %q to peer %s is configured here", vpn, peer)
}

// finding is what was found of one layer.
type finding struct {
	mark   api.Mark
	text   string
	advice string // what to do, if it is broken
}

func fine(format string, args ...any) finding {
	return finding{mark: api.MarkOK, text: fmt.Sprintf(format, args...)}
}

func pending(format string, args ...any) finding {
	return finding{mark: api.MarkPending, text: fmt.Sprintf(format, args...)}
}

// seen is a layer that the last attempt has got beyond, and the present one has not reached.
func seen(text string) finding { return fine("%s in the last attempt", text) }

func skipped(text string) finding { return finding{mark: api.MarkSkipped, text: text} }

func broken(text, advice string) finding {
	return finding{mark: api.MarkFailed, text: text, advice: advice}
}

// explainer looks at one link.
type explainer struct {
	*view
	l *session.LinkStatus
}

// explainLink walks the layers from the configuration up to the first that is not there.
func explainLink(v *view, l *session.LinkStatus) api.Explanation {
	e := explainer{v, l}
	x := api.Explanation{Link: v.link(l), Now: v.Now}
	type layer struct {
		name string
		look func() finding
		// beside marks a layer whose failure does not keep those after it from working.
		beside bool
	}
	layers := []layer{
		{"configuration", e.configuration, false},
		{"peer", e.peer, false},
		{"control connection", e.connection, false},
		{"session", e.session, false},
		{"LCP", e.lcp, false},
		{"IPCP", e.ipcp, true},
		{"IPV6CP", e.ipv6cp, true},
		{"interface", e.iface, false},
		{"address", e.address, false},
	}
	if e.Class == config.IPsecRequired {
		layers = slices.Insert(layers, 2, layer{"IPsec", e.ipsec, false})
	}
	reached := true
	for _, layer := range layers {
		f := finding{mark: api.MarkSkipped}
		if reached {
			f = layer.look()
		}
		if f.mark == api.MarkFailed || f.mark == api.MarkPending {
			reached = reached && layer.beside
		}
		if x.Advice == "" {
			x.Advice = f.advice
		}
		x.Steps = append(x.Steps, api.Step{Layer: layer.name, Mark: f.mark, Text: f.text})
	}
	return x
}

func (e explainer) configuration() finding {
	c := &e.l.Config
	if c.Disabled {
		return broken(fmt.Sprintf("VPN-ID %s, VR %s: %s", c.VPNID, c.VR, e.l.Reason),
			fmt.Sprintf("An operator has taken it down; `l2tpvl-ctl up %s %s` lets it come up again.", c.VPN, e.Peer))
	}
	return fine("VPN-ID %s, VR %s, IPsec %s", c.VPNID, c.VR, e.Class)
}

func (e explainer) peer() finding {
	where := fmt.Sprintf("%s %s", e.Peer, e.Config.Where())
	c := e.Connection
	switch {
	case e.Path.Err != nil && e.noProtection() == nil:
		return broken(fmt.Sprintf("%s: %v", where, e.Path.Err), fmt.Sprintf("Look at `ip route get %s` and `ip address` on this host. "+
			"l2tpvld goes on by itself once there is a way.", e.Config.Address))
	case e.Static != nil:
		return e.staticPeer(where)
	case e.connected():
		return fine("%s, last heard %s", where, ago(e.Now, later(c.LastHeard, e.Path.Stats.LastHeard)))
	case e.unprotected():
		return skipped(where + ", not called without IPsec")
	case e.refusedAuth():
		return fine("%s, last heard %s", where, ago(e.Now, e.Control.RefusedAuth))
	case e.silence() > 0 || e.Control.Ended && e.Control.Why.Cause == control.CauseSilent:
		return broken(where+": no answer"+e.silenceText(), e.silenceAdvice())
	case e.Control.Ended && e.shutDown():
		return fine("%s, last heard when it shut down", where)
	case e.Control.Ended:
		return fine("%s, it answers", where) // if only to refuse
	case c == nil:
		f := pending("%s: waiting for it to call", where)
		if e.Config.Role == config.RolePassive {
			f.advice = fmt.Sprintf("This host waits for %s to call (role: passive). If %s waits too, nobody calls: "+
				"set `role: both` or `role: active` on one of the two.", e.Peer, e.Peer)
		}
		return f
	}
	return pending("%s: called %s, no answer yet", where, ago(e.Now, c.Since))
}

func (e explainer) silenceText() (text string) {
	if n := e.silence(); n > 0 {
		text = fmt.Sprintf(" to %d transmissions", n+1)
	} else {
		text = e.retryText()
	}
	if e.Path.Hint != nil {
		text += fmt.Sprintf("; the network said %s: %v", ago(e.Now, e.Path.HintAt), e.Path.Hint)
	}
	return text
}

func (e explainer) silenceAdvice() string {
	overIP := e.Config.Encapsulation == config.EncapsulationIP
	switch hint := e.Path.Hint; {
	case overIP && (errors.Is(hint, syscall.ENOPROTOOPT) || errors.Is(hint, syscall.EPROTO)): // for IPv4, for IPv6
		return fmt.Sprintf("The host answers, but no l2tpvld listens for IP protocol 115 there: start it on %s, or compare "+
			"`encapsulation` on both.", e.Peer)
	case errors.Is(hint, syscall.ECONNREFUSED):
		return fmt.Sprintf("The host answers, but no l2tpvld listens at UDP port %d there: start it on %s, or compare `port` and "+
			"`local.port`.", e.Config.Port, e.Peer)
	}
	carrier := fmt.Sprintf("UDP port %d", e.Config.Port)
	if overIP {
		carrier = "IP protocol 115"
	}
	return fmt.Sprintf("Does `ping %s` work? Is l2tpvld running on %s, with a peer of this host's address (%s), the same "+
		"secret, and links with the same `ipsec`? Does %s pass between the two? To a caller with another secret a peer is silent: its log and "+
		"`l2tpvl-ctl explain` there say so.", e.Config.Address, e.Peer, e.Path.Local, carrier)
}

// refusedAuth reports whether the peer calls us with a digest that is wrong.
func (e explainer) refusedAuth() bool {
	return !e.Control.RefusedAuth.IsZero() && e.Now.Sub(e.Control.RefusedAuth) < 2*time.Minute
}

func (e explainer) connection() finding {
	c := e.Connection
	switch {
	case e.Static != nil:
		return e.staticConnection()
	case e.connected():
		return fine("%s ⇄ %s, up %s, window %d, %s", idText(c.ID), idText(c.PeerID),
			api.DurationText(e.Now.Sub(c.Since)), c.Counters.PeerWindow, plural(c.Counters.Retransmitted, "retransmission"))
	case e.refusedAuth():
		return broken(fmt.Sprintf("%s calls, and its message digest is wrong", e.Peer),
			fmt.Sprintf("The secrets differ. Compare the file of `peers.%s.secret_file` here with the one for this host on %s: "+
				"they must hold the same octets.", e.Peer, e.Peer))
	case e.Control.Ended:
		return broken(e.Control.Why.Text+e.retryText(), e.connectionAdvice())
	case c != nil:
		return pending("in state %s", c.State)
	}
	return pending("not begun")
}

// connectionAdvice is what to do about a control connection that was refused or has ended.
// shutDown reports whether the peer has ended the control connection because it ends itself.
func (e explainer) shutDown() bool {
	why := &e.Control.Why
	return why.Cause == control.CauseRefused && l2tp.StopCCNCode(why.Result.Code) == l2tp.StopShuttingDown
}

func (e explainer) connectionAdvice() string {
	switch e.Control.Why.Cause {
	case control.CauseRefused:
	case control.CauseTimeout:
		return fmt.Sprintf("%s acknowledges what it is sent, and goes no further. See its log.", e.Peer)
	case control.CauseProtocol:
		return fmt.Sprintf("%s sent what RFC 3931 does not allow, or what cannot be had here. Compare the versions and "+
			"`authentication` on both sides.", e.Peer)
	default:
		return fmt.Sprintf("l2tpvld goes on by itself. If the connection does not come back, see the log of %s.", e.Peer)
	}
	switch l2tp.StopCCNCode(e.Control.Why.Result.Code) {
	case l2tp.StopShuttingDown:
		return fmt.Sprintf("%s was shut down. Start l2tpvld there again; nothing is to be done here.", e.Peer)
	case l2tp.StopNotAuthorized:
		return fmt.Sprintf("%s does not accept this host. Compare `authentication` and the secrets on both sides.", e.Peer)
	}
	return fmt.Sprintf("%s has refused or ended the control connection. See its log.", e.Peer)
}

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
	case e.l.InLine:
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

// failedAt reports whether the last attempt has failed at that layer, and the present one has not
// got beyond it.
func (e explainer) failedAt(layer session.Layer) bool {
	return e.l.Reason != "" && e.l.Layer == layer && (e.l.Up || reached(e.l) <= layer)
}

// failedBeyond reports whether the last attempt has failed only after that layer was there.
func (e explainer) failedBeyond(layer session.Layer) bool {
	return e.l.Reason != "" && e.l.Layer > layer
}

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

// ipCommand begins a command line of ip(8) that looks at the interfaces of a virtual router.
func ipCommand(router vr.Spec) string {
	if router.NetNS == "" {
		return "ip"
	}
	return "ip -n " + router.NetNS
}

func (e explainer) iface() finding {
	l := e.l
	where := fmt.Sprintf("%s in %s", l.Config.Interface, l.Config.VR)
	switch {
	case l.Up:
		return fine("%s, MTU %d", where, l.Interface.MTU)
	case l.SetDown:
		return broken(l.Reason, fmt.Sprintf("Somebody has set it down. When it is to carry packets again: `%s link set %s up`. The session stays meanwhile.",
			ipCommand(l.Config.VR), l.Config.Interface))
	case l.Paused:
		return broken(l.Reason, fmt.Sprintf("Nothing is to be done here: on %s somebody has set the link's interface down, or what it stands for has "+
			"failed. The session stays meanwhile. `l2tpvl-ctl explain` there says more.", e.Peer))
	case e.failedAt(session.LayerDataPlane), e.failedAt(session.LayerInterface):
		return broken(l.Reason+e.retryText(), fmt.Sprintf("Look at `%s link show %s` and at the log. If an interface or a route is "+
			"somebody else's, remove it or choose another; what was deleted l2tpvld makes anew by itself.", ipCommand(l.Config.VR), l.Config.Interface))
	case l.Open != 0:
		return pending("%s is being configured", where)
	}
	return skipped("")
}

func (e explainer) address() finding {
	i := &e.l.Interface
	var parts []string
	switch {
	case !e.l.Up:
		return skipped("")
	case i.Local.IsValid() && i.Peer.IsValid():
		parts = append(parts, fmt.Sprintf("%s → %s", i.Local, i.Peer))
	case i.Local.IsValid():
		parts = append(parts, fmt.Sprintf("%s, peer unnumbered", i.Local))
	case e.l.Open.Has(dataplane.IPv4):
		parts = append(parts, "IPv4 unnumbered")
	}
	if i.LinkLocal != 0 {
		parts = append(parts, fmt.Sprintf("%s → %s", linkLocalText(i.LinkLocal), linkLocalText(i.PeerLinkLocal)))
	}
	if len(i.Addresses) > 0 {
		parts = append(parts, fmt.Sprintf("%v", i.Addresses))
	}
	if len(i.Routes) > 0 {
		parts = append(parts, fmt.Sprintf("routes %v", i.Routes))
	}
	return fine("%s", strings.Join(parts, ", "))
}

// retryText says when the next attempt is, if one waits for its time.
func (e explainer) retryText() string {
	at := e.l.CallAt
	if at.IsZero() {
		at = e.retryAt()
	}
	if !at.After(e.Now) {
		return ""
	}
	return fmt.Sprintf("; next attempt in %s", api.DurationText(at.Sub(e.Now)))
}
