package session

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// calls are the links that are to ask the peer for a session, in line. Few of them ask at a time:
// so what the peer answers is not kept waiting behind thousands of requests, none of these grows
// old in a queue, and a peer that asks for the same sessions at the same time crosses few of them.
type calls struct {
	line   []*Link
	asking int // links that have asked, and are neither established nor at an end

	// The peer is left to ask until then: it was the one that made the control connection, or is
	// asking already.
	notBefore time.Time
}

// maxAsking is what keeps a data plane busy that makes interfaces in parallel, and a window of
// control messages full.
const maxAsking = 256

// call asks the peer for a session as soon as it is the link's turn.
func (l *Link) call(now time.Time) {
	calls := &l.pair.calls
	if now.Before(calls.notBefore) {
		l.callAt = calls.notBefore
		return
	}
	l.callAt = time.Time{}
	if l.session == nil && !l.inLine {
		l.inLine = true
		calls.line = append(calls.line, l)
	}
}

// ask lets those at the head of the line ask the peer, as many as may.
func (p *Pair) ask(now time.Time, out *Output) {
	c := p.control.Established()
	for len(p.calls.line) > 0 && p.calls.asking < maxAsking {
		l := p.calls.line[0]
		p.calls.line[0] = nil
		p.calls.line = p.calls.line[1:]
		l.inLine = false
		if c == nil && !p.isStatic() || l.session != nil || p.stopping {
			continue // the connection is gone, or the peer has asked
		}
		l.asking = true
		p.calls.asking++
		if p.isStatic() {
			l.begun(out)
		} else {
			offer := control.SessionOptions{Circuit: l2tp.CircuitActive, Sequencing: l.Sequencing}
			l.take(c.OpenWith(now, l.VPNID.AppendOctets(nil), offer, &out.control))
		}
	}
}

// leave takes a link out of the line.
func (c *calls) leave(l *Link) {
	if l.inLine {
		l.inLine = false
		c.line = slices.DeleteFunc(c.line, func(other *Link) bool { return other == l })
	}
}

// asked takes note that the link's request came to its end, good or bad.
func (l *Link) asked() {
	if l.asking {
		l.asking = false
		l.pair.calls.asking--
	}
}
