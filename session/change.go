package session

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Reconfigure makes another configuration of the control connection count, and of Elsewhere. Links
// stay as they are.
func (p *Pair) Reconfigure(now time.Time, cfg control.Config, elsewhere []endid.VPNID, out *Output) {
	astray := make(map[endid.VPNID]time.Time)
	for _, id := range elsewhere {
		astray[id] = p.astray[id]
	}
	p.astray = astray
	cfg.Protected = p.cfg.Protected
	p.cfg.Control = cfg
	p.control.Reconfigure(now, cfg, &out.control)
	p.drain(now, out)
}

// AddLink adds a link, whose VPN has none yet.
func (p *Pair) AddLink(now time.Time, lc LinkConfig, out *Output) {
	l := p.newLink(lc)
	l.since = now
	l.begin(now)
	p.drain(now, out)
}

func (p *Pair) newLink(lc LinkConfig) *Link {
	l := &Link{LinkConfig: lc, pair: p, place: nowhere}
	if lc.Disabled {
		l.note(LayerSession, disabledText)
	}
	p.links[lc.VPNID] = l
	p.order = append(p.order, l)
	return l
}

// RemoveLink ends the link of a VPN for good: the peer is told why. Forget is the last of its
// effects.
func (p *Pair) RemoveLink(now time.Time, id endid.VPNID, why string, out *Output) {
	l := p.links[id]
	if l == nil {
		return
	}
	l.end(now, why, out)
	delete(p.links, id)
	p.order = slices.DeleteFunc(p.order, func(other *Link) bool { return other == l })
	out.effect(Forget{l})
	p.drain(now, out)
}

// ChangeLink makes other values count of what a link can change while it is up: MTU, routes,
// addresses beside the link-local one, and PPP's echoes.
func (p *Pair) ChangeLink(now time.Time, lc LinkConfig, out *Output) {
	l := p.links[lc.VPNID]
	if l == nil {
		return
	}
	l.MTU, l.Routes, l.Addresses = lc.MTU, lc.Routes, lc.Addresses
	l.PPP.EchoInterval, l.PPP.EchoFails, l.PPP.EchoAdaptive = lc.PPP.EchoInterval, lc.PPP.EchoFails, lc.PPP.EchoAdaptive
	if l.ppp != nil {
		l.ppp.SetEcho(now, lc.PPP.EchoInterval, lc.PPP.EchoFails, lc.PPP.EchoAdaptive)
		l.schedule()
	}
	l.pathChanged(now, out)
	p.drain(now, out)
}

// disabledText is why a disabled link is down, in the log and to the peer.
const disabledText = "administratively down"

// SetDisabled takes the link of a VPN down, and keeps it down, or lets it come up again.
func (p *Pair) SetDisabled(now time.Time, id endid.VPNID, disabled bool, out *Output) {
	l := p.links[id]
	if l == nil || l.Disabled == disabled {
		return
	}
	l.Disabled = disabled
	if disabled {
		l.end(now, disabledText, out)
		out.effect(Note{Kind: LinkDisabled, Link: l, Message: "link disabled by the operator"})
	} else {
		out.effect(Note{Kind: LinkEnabled, Link: l, Message: "link enabled by the operator"})
		l.again(now)
	}
	p.drain(now, out)
}

// resetText is why something is begun anew, in the log and to the peer.
const resetText = "reset by the operator"

// ResetLink ends the attempt of the link of a VPN to be up, and begins another at once, as far as
// there is a control connection.
func (p *Pair) ResetLink(now time.Time, id endid.VPNID, out *Output) {
	l := p.links[id]
	if l == nil || l.Disabled {
		return
	}
	out.effect(Note{Kind: LinkReset, Link: l, Message: "link reset by the operator"})
	l.end(now, resetText, out)
	l.again(now)
	p.control.RetryNow(now, &out.control)
	p.drain(now, out)
}

// Reset ends the control connection, if there is to be one, with all links, and begins anew at
// once, as far as the role lets us.
func (p *Pair) Reset(now time.Time, out *Output) {
	if p.isStatic() {
		for _, l := range p.order {
			if !l.Disabled {
				l.end(now, resetText, out)
				l.again(now)
			}
		}
		out.effect(Note{Kind: ConnectionReset, Message: "links reset by the operator"})
		p.drain(now, out)
		return
	}
	out.effect(Note{Kind: ConnectionReset, Message: "control connection reset by the operator"})
	p.control.Reset(now, resetText, &out.control)
	p.drain(now, out)
}

// again forgets how attempts went, and begins the next.
func (l *Link) again(now time.Time) {
	l.note(0, "")
	l.failures = 0
	l.begin(now)
}

// begin asks the peer for a session, if there is a control connection; else that begins it. A
// static link asks nobody.
func (l *Link) begin(now time.Time) {
	if !l.Disabled && (l.pair.control.Established() != nil || l.pair.isStatic()) {
		l.call(now)
		l.schedule()
	}
}

// end ends the attempt, if there is one, and plans no other.
func (l *Link) end(now time.Time, why string, out *Output) {
	l.callAt = time.Time{}
	l.pair.calls.leave(l)
	l.note(LayerSession, why)
	if l.session != nil {
		l.bidFarewell(now, why, out)
		l.session.Close(now, result(l2tp.CDNAdministrative, why), &out.control)
		l.down(now, out)
	}
	l.schedule()
}
