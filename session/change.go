package session

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// Reconfigure applies a new configuration of the control connection, and a new
// PairConfig.OtherClass. Links are not affected.
func (p *Pair) Reconfigure(now time.Time, cfg control.Config, otherClass []endid.VPNID, out *Output) {
	wrongClass := make(map[endid.VPNID]time.Time)
	for _, id := range otherClass {
		wrongClass[id] = p.wrongClass[id]
	}
	p.wrongClass = wrongClass
	cfg.Protected = p.cfg.Protected
	p.cfg.Control = cfg
	p.control.Reconfigure(now, cfg, &out.control)
	p.drain(now, out)
}

// AddLink adds a link. Its VPN must not have a link in this pair.
func (p *Pair) AddLink(now time.Time, lc LinkConfig, out *Output) {
	l := p.newLink(lc)
	l.since = now
	l.start(now)
	p.drain(now, out)
}

func (p *Pair) newLink(lc LinkConfig) *Link {
	l := &Link{LinkConfig: lc, pair: p, heapIndex: notInHeap}
	if lc.Disabled {
		l.setReason(LayerSession, disabledReason)
	}
	p.links[lc.VPNID] = l
	p.order = append(p.order, l)
	return l
}

// RemoveLink removes the link of a VPN; the peer is sent the reason. Forget is the last effect of
// the link.
func (p *Pair) RemoveLink(now time.Time, id endid.VPNID, why string, out *Output) {
	l := p.links[id]
	if l == nil {
		return
	}
	l.endAttempt(now, why, out)
	delete(p.links, id)
	p.order = slices.DeleteFunc(p.order, func(other *Link) bool { return other == l })
	out.effect(Forget{l})
	p.drain(now, out)
}

// ChangeLink applies the values that a link can change while it is up: MTU, routes, addresses in
// addition to the link-local one, and LCP echo.
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

// disabledReason is the reason of a disabled link, in the log and for the peer.
const disabledReason = "administratively down"

// SetDisabled disables the link of a VPN, which then stays down, or enables it.
func (p *Pair) SetDisabled(now time.Time, id endid.VPNID, disabled bool, out *Output) {
	l := p.links[id]
	if l == nil || l.Disabled == disabled {
		return
	}
	l.Disabled = disabled
	if disabled {
		l.endAttempt(now, disabledReason, out)
		out.effect(Note{Kind: LinkDisabled, Link: l, Message: "link disabled by the operator"})
	} else {
		out.effect(Note{Kind: LinkEnabled, Link: l, Message: "link enabled by the operator"})
		l.restart(now)
	}
	p.drain(now, out)
}

// resetReason is the reason of a restart by the operator, in the log and for the peer.
const resetReason = "reset by the operator"

// ResetLink ends the current attempt of the link of a VPN and starts another one at once, or as
// soon as the control connection is established.
func (p *Pair) ResetLink(now time.Time, id endid.VPNID, out *Output) {
	l := p.links[id]
	if l == nil || l.Disabled {
		return
	}
	out.effect(Note{Kind: LinkReset, Link: l, Message: "link reset by the operator"})
	l.endAttempt(now, resetReason, out)
	l.restart(now)
	p.control.RetryNow(now, &out.control)
	p.drain(now, out)
}

// Reset ends the control connection with all links, and starts another one at once if the role
// allows it. In a static pair it restarts all enabled links.
func (p *Pair) Reset(now time.Time, out *Output) {
	if p.isStatic() {
		for _, l := range p.order {
			if !l.Disabled {
				l.endAttempt(now, resetReason, out)
				l.restart(now)
			}
		}
		out.effect(Note{Kind: ConnectionReset, Message: "links reset by the operator"})
		p.drain(now, out)
		return
	}
	out.effect(Note{Kind: ConnectionReset, Message: "control connection reset by the operator"})
	p.control.Reset(now, resetReason, &out.control)
	p.drain(now, out)
}

// restart clears the record of earlier attempts and starts the next one.
func (l *Link) restart(now time.Time) {
	l.setReason(0, "")
	l.failures = 0
	l.start(now)
}

// start plans a session request if the control connection is established; otherwise the link starts
// when it is. A static link starts an attempt without a request.
func (l *Link) start(now time.Time) {
	if !l.Disabled && (l.pair.control.Established() != nil || l.pair.isStatic()) {
		l.call(now)
		l.schedule()
	}
}

// endAttempt ends the current attempt, if any, and plans no other one.
func (l *Link) endAttempt(now time.Time, why string, out *Output) {
	l.callAt = time.Time{}
	l.pair.requests.remove(l)
	l.setReason(LayerSession, why)
	if l.session != nil {
		l.sendTerminate(now, why, out)
		l.session.Close(now, result(l2tp.CDNAdministrative, why), &out.control)
		l.down(now, out)
	}
	l.schedule()
}
