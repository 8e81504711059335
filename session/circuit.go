package session

import (
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// InterfaceState reports that the operator has set the interface of an attempt down, or up again,
// after Configure had set it up. The peer is notified by the Circuit Status AVP (RFC 3931, section
// 5.4.5). The session and PPP stay.
func (p *Pair) InterfaceState(now time.Time, a Attempt, up bool, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) {
		if l.setDown == !up {
			return
		}
		l.setDown = !up
		status := l2tp.CircuitStatus(0)
		if up {
			status = l2tp.CircuitActive
		}
		l.session.SetCircuit(now, status, &out.control)
		l.circuitChanged(now, out)
	})
}

// circuitChanged adapts the link to the state of the interfaces at its two ends. While one of them
// is down no data flows, LCP echoes included. PPP is then paused: its timers do not run, and it
// neither sends nor receives.
func (l *Link) circuitChanged(now time.Time, out *Output) {
	reason := l.circuitFault()
	paused := l.paused
	l.paused = reason != ""
	switch {
	case l.paused:
		l.setReason(LayerInterface, reason)
	case paused:
		l.setReason(0, "")
	}
	if l.ppp == nil {
		return
	}
	if paused && !l.paused {
		l.ppp.DataReceived(now) // missing echo replies of the pause do not count
	}
	l.setOpen(now, l.open, out)
	l.schedule()
}

// circuitFault returns which end's interface is down, or "" if both are up.
func (l *Link) circuitFault() string {
	peer := l.session.PeerCircuit
	switch {
	case l.setDown:
		return fmt.Sprintf("%s is administratively down", l.Interface)
	case peer.Active():
		return ""
	case peer != 0:
		return fmt.Sprintf("the interface at %s is not ready: %s", l.pair.cfg.Peer, peer)
	}
	return fmt.Sprintf("the interface at %s is down", l.pair.cfg.Peer)
}
