package session

import (
	"bytes"
	"slices"

	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

// send sends a control message to the peer.
func (p *pe) send(message []byte) {
	if !p.unchecked {
		p.count(message)
	}
	if p.lost() || p.peer.pair == nil {
		return
	}
	message, peer := p.carried(message), p.peer
	p.schedule(p.travel(), func() { // to the peer's Pair at that time, also if it was restarted
		peer.step(func() { peer.pair.Receive(peer.now, message, &peer.out) })
	})
}

// count records a sent control message.
func (p *pe) count(message []byte) {
	var m l2tp.Message
	if err := m.Parse(message, l2tp.NewHidingKey(p.cfg.Control.Secret)); err != nil {
		p.t.Fatalf("%s: sent an invalid control message: %v", p.name, err)
	}
	p.sent[m.Type]++
	if m.Type == l2tp.CDN || m.Type == l2tp.StopCCN {
		m.Result.Message = bytes.Clone(m.Result.Message)
		p.results = append(p.results, m.Result)
	}
}

// sendFrame sends a PPP frame to the peer's session of that ID and cookie, if the data plane's
// session exists.
func (p *pe) sendFrame(f Frame) {
	s := p.sessions[f.Attempt]
	if s == nil || !s.ready || p.mute || p.lost() {
		return
	}
	octets, peer := p.carried(f.Octets), p.peer
	p.schedule(p.travel(), func() {
		a := peer.byID[s.cfg.PeerID]
		if other := peer.sessions[a]; other != nil && bytes.Equal(other.cfg.LocalCookie, s.cfg.PeerCookie) {
			peer.step(func() { peer.pair.Frame(peer.now, a, octets, &peer.out) })
		}
	})
}

// inTurn does something for a link after its earlier actions are done.
func (p *pe) inTurn(l *Link, do func()) {
	at := p.now
	if p.busy[l].After(at) {
		at = p.busy[l]
	}
	at = at.Add(p.latency)
	p.busy[l] = at
	p.after(at.Sub(p.now), do)
}

// execute carries out an effect as package daemon does: in order for each link, and with a delay.
func (p *pe) execute(effect Effect) {
	mustBe := func(l *Link, a Attempt) {
		if p.newest[l] != a || a == 0 {
			p.t.Fatalf("%s: %T for attempt %d of %s, which has ended; current attempt %d", p.name, effect, a, l.VPN, p.newest[l])
		}
	}
	switch e := effect.(type) {
	case Create:
		if p.newest[e.Link] != 0 || e.Attempt <= p.highest {
			p.t.Fatalf("%s: attempt %d of %s created before attempt %d is deleted", p.name, e.Attempt, e.Link.VPN, p.newest[e.Link])
		}
		p.newest[e.Link], p.highest = e.Attempt, e.Attempt
		p.sessions[e.Attempt], p.byID[e.Session.LocalID] = &planeSession{cfg: e.Session}, e.Attempt
		p.inTurn(e.Link, func() {
			if p.refuse != nil {
				if err := p.refuse(e); err != nil {
					p.pair.Failed(p.now, e.Attempt, err, &p.out)
					return
				}
			}
			if s := p.sessions[e.Attempt]; s != nil {
				s.ready = true
			}
			p.pair.Created(p.now, e.Attempt, &p.out)
		})
	case Open:
		mustBe(e.Link, e.Attempt)
		p.inTurn(e.Link, func() {
			if s := p.sessions[e.Attempt]; s != nil {
				s.open = e.Protocols
			}
		})
	case Configure:
		mustBe(e.Link, e.Attempt)
		p.inTurn(e.Link, func() {
			if s := p.sessions[e.Attempt]; s != nil {
				s.iface = e.Interface
			}
			p.pair.Configured(p.now, e.Attempt, &p.out)
		})
	case Delete:
		mustBe(e.Link, e.Attempt)
		p.newest[e.Link] = 0
		p.inTurn(e.Link, func() {
			delete(p.byID, p.sessions[e.Attempt].cfg.LocalID)
			delete(p.sessions, e.Attempt)
		})
	case Forget:
		if p.newest[e.Link] != 0 || slices.Contains(p.pair.order, e.Link) {
			p.t.Fatalf("%s: Forget of %s, which still exists", p.name, e.Link.VPN)
		}
		delete(p.newest, e.Link)
	case Repath:
		p.repaths++
	case Note:
		if e.Message == "" || e.Level == Warning && e.Reason == "" {
			p.t.Fatalf("%s: note %+v without a message or reason", p.name, e)
		}
		p.notes = append(p.notes, e)
	}
}

func (p *pe) checkInvariants() {
	t, pair := p.t, p.pair
	attempts, sessions, waiting := 0, 0, 0
	for _, l := range pair.order {
		if l.attempt != 0 {
			attempts++
			if pair.byAttempt[l.attempt] != l || l.session == nil {
				t.Fatalf("%s: attempt %d of %s is not in byAttempt, or has no session", p.name, l.attempt, l.VPN)
			}
		}
		if l.session != nil {
			sessions++
			if pair.bySession[l.session] != l || l.session.State == control.SessionIdle {
				t.Fatalf("%s: the session of %s is not in bySession, or has ended", p.name, l.VPN)
			}
		}
		if l.ppp != nil && !l.ready || l.open != 0 && l.ppp == nil || l.inUse && l.open == 0 {
			t.Fatalf("%s: %s has an upper layer without the lower one: %+v", p.name, l.VPN, l)
		}
		if l.deadline.IsZero() != (l.heapIndex == notInHeap) {
			t.Fatalf("%s: %s has deadline %v at index %d", p.name, l.VPN, l.deadline, l.heapIndex)
		}
		if l.heapIndex != notInHeap {
			waiting++
			if pair.waiting[l.heapIndex] != l {
				t.Fatalf("%s: %s is not at its index %d of the heap", p.name, l.VPN, l.heapIndex)
			}
			if parent := (l.heapIndex - 1) / 2; l.heapIndex > 0 && pair.waiting.Less(l.heapIndex, parent) {
				t.Fatalf("%s: the deadlines are not a heap", p.name)
			}
		}
	}
	if len(pair.byAttempt) != attempts || len(pair.bySession) != sessions || len(pair.waiting) != waiting {
		t.Fatalf("%s: %d entries for %d attempts, %d for %d sessions, %d for %d deadlines", p.name,
			len(pair.byAttempt), attempts, len(pair.bySession), sessions, len(pair.waiting), waiting)
	}
}
