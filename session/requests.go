package session

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// requests holds the links that are about to request a session from the peer, in a queue. Only a
// few requests are pending at a time: so the peer's answers do not wait behind thousands of
// requests, no request becomes stale in a queue, and few requests cross when the peer requests the
// same sessions at the same time.
type requests struct {
	queue   []*Link
	pending int // links whose request has neither led to an established session nor ended

	// The peer requests sessions first until then: it has established the control connection, or is
	// requesting sessions already.
	notBefore time.Time
}

// maxPending is the number of pending requests. It is enough to keep a data plane busy that creates
// interfaces in parallel, and to fill a window of control messages.
const maxPending = 256

// call queues a session request of the link, or plans it for when the peer's turn is over.
func (l *Link) call(now time.Time) {
	requests := &l.pair.requests
	if now.Before(requests.notBefore) {
		l.callAt = requests.notBefore
		return
	}
	l.callAt = time.Time{}
	if l.session == nil && !l.queued {
		l.queued = true
		requests.queue = append(requests.queue, l)
	}
}

// sendRequests sends the requests at the head of the queue, as many as may be pending.
func (p *Pair) sendRequests(now time.Time, out *Output) {
	c := p.control.Established()
	for len(p.requests.queue) > 0 && p.requests.pending < maxPending {
		l := p.requests.queue[0]
		p.requests.queue[0] = nil
		p.requests.queue = p.requests.queue[1:]
		l.queued = false
		if c == nil && !p.isStatic() || l.session != nil || p.stopping {
			continue // the connection is down, or the peer has requested the session
		}
		l.pending = true
		p.requests.pending++
		if p.isStatic() {
			l.startStatic(out)
		} else {
			offer := control.SessionOptions{Circuit: l2tp.CircuitActive, Sequencing: l.Sequencing}
			l.setSession(c.OpenWith(now, l.VPNID.AppendOctets(nil), offer, &out.control))
		}
	}
}

// remove takes a link out of the queue.
func (r *requests) remove(l *Link) {
	if l.queued {
		l.queued = false
		r.queue = slices.DeleteFunc(r.queue, func(other *Link) bool { return other == l })
	}
}

// requestDone records that the link's request is no longer pending, whatever its result.
func (l *Link) requestDone() {
	if l.pending {
		l.pending = false
		l.pair.requests.pending--
	}
}
