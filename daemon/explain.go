package daemon

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// explain answers why the link of a VPN to a peer is as it is.
func (d *Daemon) explain(r *http.Request) (api.Explanation, error) {
	vpn, peer := r.PathValue("vpn"), r.PathValue("peer")
	for _, l := range d.loops {
		if l.peer.Name != peer {
			continue
		}
		v, err := l.view(r.Context())
		if err != nil {
			return api.Explanation{}, err
		}
		i := slices.IndexFunc(v.Links, func(s session.LinkStatus) bool { return s.Config.VPN == vpn })
		if i >= 0 {
			return explainLink(&v, &v.Links[i]), nil
		}
	}
	return api.Explanation{}, &notFoundError{fmt.Sprintf("no link of VPN %s to peer %s is configured", vpn, peer)}
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
	layers := []struct {
		name string
		look func() finding
		// beside marks a layer whose failure does not keep those after it from working.
		beside bool
	}{
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
	return fine("VPN-ID %s, VR netns %s, IPsec none", c.VPNID, c.VR)
}

func (e explainer) peer() finding {
	where := fmt.Sprintf("%s %s", e.Peer, e.Config.AddrPort())
	c := e.Connection
	switch {
	case !e.Path.Open:
		return broken(fmt.Sprintf("%s: %v", where, e.Path.Err),
			fmt.Sprintf("Look at `ip route get %s` and `ip address` on this host; l2tpvld tries again by itself.", e.Config.Address))
	case c != nil && c.State == control.Established:
		return fine("%s, last heard %s", where, ago(e.Now, c.LastHeard))
	case e.refusedAuth():
		return fine("%s, heard %s", where, ago(e.Now, e.Control.RefusedAuth))
	case e.silence() > 0 || e.Control.Ended && e.Control.Why.Cause == control.CauseSilent:
		text := where + ": no answer"
		if n := e.silence(); n > 0 {
			text += fmt.Sprintf(" to %d transmissions", n+1)
		}
		if e.Path.Err != nil {
			text += fmt.Sprintf("; the network says %q %s", e.Path.Err, ago(e.Now, e.Path.ErrAt))
		}
		return broken(text, fmt.Sprintf("Is l2tpvld running on %s, with a peer at the address of this host (%s) and the same secret? "+
			"Does UDP port %d pass between the two? A peer with another secret is silent too: see its log.",
			e.Peer, e.Path.Local, e.Config.Port))
	case c == nil && e.Control.Ended:
		return fine("%s", where) // it has answered, if only to refuse
	case c == nil:
		return pending("%s: waiting for it to call", where)
	}
	return pending("%s: called %s", where, ago(e.Now, c.Since))
}

// refusedAuth reports whether the peer calls us with a digest that is wrong.
func (e explainer) refusedAuth() bool {
	return !e.Control.RefusedAuth.IsZero() && e.Now.Sub(e.Control.RefusedAuth) < 2*time.Minute
}

func (e explainer) connection() finding {
	c := e.Connection
	switch {
	case c != nil && c.State == control.Established:
		return fine("%s ⇄ %s, up %s, window %d, %d retransmissions", idText(c.ID), idText(c.PeerID),
			durationText(e.Now.Sub(c.Since)), c.Counters.PeerWindow, c.Counters.Retransmitted)
	case e.refusedAuth():
		return broken(fmt.Sprintf("the digest of %s's SCCRQ is wrong", e.Peer),
			fmt.Sprintf("The secrets differ. Compare peers.%s's secret file here with the one for this host on %s: "+
				"they must hold the same octets.", e.Peer, e.Peer))
	case c == nil && e.Control.Ended:
		return broken(e.Control.Why.Text+e.retryText(), e.stopAdvice())
	}
	return pending("in state %s", c.State)
}

// stopAdvice is what to do about a control connection that was refused or ended.
func (e explainer) stopAdvice() string {
	if e.Control.Why.Cause != control.CauseRefused {
		return fmt.Sprintf("l2tpvld tries again by itself. If it does not come back, see the log of %s.", e.Peer)
	}
	switch l2tp.StopCCNCode(e.Control.Why.Result.Code) {
	case l2tp.StopShuttingDown:
		return fmt.Sprintf("%s is shutting down. Start l2tpvld there again; nothing is to be done here.", e.Peer)
	case l2tp.StopNotAuthorized:
		return fmt.Sprintf("%s does not accept this host: compare peers, secrets and `authentication` on both sides.", e.Peer)
	}
	return fmt.Sprintf("%s has ended the control connection; its log says more.", e.Peer)
}

func (e explainer) session() finding {
	s := e.l.Session
	switch {
	case s != nil && s.State == control.SessionEstablished:
		by := e.Peer
		if s.Initiator {
			by = "this host"
		}
		return fine("%s ⇄ %s, asked for by %s", idText(s.ID), idText(s.PeerID), by)
	case e.failedAt(session.LayerSession) || e.failedAt(session.LayerConnection):
		return broken(e.l.Reason+e.retryText(), e.sessionAdvice())
	case e.l.Reason != "":
		return fine("established in the last attempt%s", e.retryText())
	case s != nil:
		return pending("in state %s", s.State)
	}
	return pending("waiting for %s to ask for it", e.Peer)
}

func (e explainer) sessionAdvice() string {
	c := &e.l.Config
	return fmt.Sprintf("%s must have a link to this host in a VPN with VPN-ID %s, of the same IPsec class. "+
		"Compare `l2tpvl-ctl links` on both.", e.Peer, c.VPNID)
}

// failedAt reports whether the last attempt has failed at that layer, and no later one has got further.
func (e explainer) failedAt(layer session.Layer) bool {
	return e.l.Reason != "" && e.l.Layer == layer
}

func (e explainer) lcp() finding {
	p := e.l.PPP
	switch {
	case p != nil && p.LCP == ppp.Opened:
		text := fmt.Sprintf("opened, peer's MRU %d", p.PeerMRU)
		if p.Echo.Measured {
			text += fmt.Sprintf(", echo %.1f ms, %d of %d lost", float64(p.Echo.RTT)/1e6, p.Echo.Lost, p.Echo.Sent)
		}
		return fine("%s", text)
	case e.failedAt(session.LayerLCP):
		return broken(e.l.Reason+e.retryText(),
			fmt.Sprintf("Data messages may not pass, although control messages do: look for a filter, and for counters in "+
				"`l2tpvl-ctl status` and `sessions` on both sides. The log of %s has its view.", e.Peer))
	case e.failedAt(session.LayerDataPlane):
		return skipped("waits for the interface")
	case p != nil:
		return pending("in state %s", p.LCP)
	case e.l.Reason != "":
		return fine("opened in the last attempt")
	}
	return pending("waiting for the data plane")
}

func (e explainer) ipcp() finding {
	c := e.l.Config.PPP.IPv4
	if c == nil {
		return skipped("not configured (ipv4: false)")
	}
	p := e.l.PPP
	if p == nil || !e.failedAt(session.LayerIPCP) {
		return e.ncp(p != nil && p.IPCP == ppp.Opened, stateOf(p, func(p *ppp.Status) ppp.State { return p.IPCP }), "", "")
	}
	return e.ncp(p.IPCP == ppp.Opened, p.IPCP, e.l.Reason,
		fmt.Sprintf("Compare `address` and `peer_address` of this link with those on %s: each side's own address must be the "+
			"one that the other expects, and no two may be the same.", e.Peer))
}

func (e explainer) ipv6cp() finding {
	if e.l.Config.PPP.IPv6 == nil {
		return skipped("not configured (ipv6: false)")
	}
	p := e.l.PPP
	if p == nil || !e.failedAt(session.LayerIPv6CP) {
		return e.ncp(p != nil && p.IPV6CP == ppp.Opened, stateOf(p, func(p *ppp.Status) ppp.State { return p.IPV6CP }), "", "")
	}
	return e.ncp(p.IPV6CP == ppp.Opened, p.IPV6CP, e.l.Reason,
		fmt.Sprintf("If %s is to run without IPv6, say `ipv6: false` for this link here too.", e.Peer))
}

func stateOf(p *ppp.Status, of func(*ppp.Status) ppp.State) ppp.State {
	if p == nil {
		return ppp.Initial
	}
	return of(p)
}

// ncp is what is found of a network control protocol.
func (e explainer) ncp(opened bool, state ppp.State, reason, advice string) finding {
	switch {
	case opened:
		return fine("opened")
	case e.failedAt(session.LayerDataPlane):
		return skipped("waits for the interface")
	case reason != "":
		return broken(reason, advice)
	case e.failedAt(session.LayerInterface):
		return fine("opened in the last attempt")
	}
	return pending("in state %s", state)
}

func (e explainer) iface() finding {
	l := e.l
	switch {
	case e.failedAt(session.LayerDataPlane), e.failedAt(session.LayerInterface):
		return broken(l.Reason+e.retryText(), fmt.Sprintf("Look at `ip -n %s link show %s` and at the log. "+
			"If an interface of that name is somebody else's, remove it or set `interface` for this link.", l.Config.VR, l.Config.Interface))
	case !l.Ready || !l.Up:
		return pending("%s in netns %s", l.Config.Interface, l.Config.VR)
	}
	return fine("%s in netns %s, MTU %d", l.Config.Interface, l.Config.VR, l.Interface.MTU)
}

func (e explainer) address() finding {
	i := &e.l.Interface
	var parts []string
	switch {
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
	if len(i.Routes) > 0 {
		parts = append(parts, fmt.Sprintf("routes %v", i.Routes))
	}
	return fine("%s", strings.Join(parts, ", "))
}

// retryText says when the next attempt is.
func (e explainer) retryText() string {
	at := e.l.CallAt
	if at.IsZero() {
		at = e.retryAt()
	}
	if at.IsZero() || !at.After(e.Now) {
		return ""
	}
	return fmt.Sprintf("; next attempt in %s", durationText(at.Sub(e.Now)))
}

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return durationText(now.Sub(then)) + " ago"
}

// durationText is a duration as a person says it.
func durationText(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}
