package session

import (
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
)

// StaticTunnel is the tunnel to a peer that speaks no L2TP control protocol, as both ends are
// configured with it.
type StaticTunnel struct{ LocalID, PeerID uint32 }

// StaticSession is the session of a link to such a peer.
type StaticSession struct {
	LocalID, PeerID         uint32
	LocalCookie, PeerCookie []byte // 0, 4 or 8 octets: checked on what arrives, put into what we send
}

// isStatic reports whether there is no signalling: then a link asks nobody, and begins with the
// data plane.
func (p *Pair) isStatic() bool { return p.cfg.Static != nil }

// begun starts an attempt of a static link, in its turn.
func (l *Link) begun(out *Output) {
	s := l.Static
	l.take(control.NewStaticSession(s.LocalID, s.PeerID, s.LocalCookie, s.PeerCookie))
	l.session.RequireSequencing(l.Sequencing) // the peer is configured for it too
	l.create(out)
}

// beginAll has all links of a static pair that have no session start an attempt.
func (p *Pair) beginAll(now time.Time) {
	for _, l := range p.order {
		if l.session == nil {
			l.begin(now)
		}
	}
}

// bidFarewell tells the peer of a static link that the attempt is over: no CDN does, so PPP has to.
func (l *Link) bidFarewell(now time.Time, reason string, out *Output) {
	if !l.pair.isStatic() || l.ppp == nil || l.paused {
		return
	}
	var last ppp.Output
	l.ppp.Close(now, reason, &last)
	for frame := range last.Frames() {
		out.frame(l, frame)
	}
}

// repathStatic asks for the path anew when no link of a static pair has anything on it: the peer
// was not heard, and nobody else finds out that this host's addresses and routes have changed.
func (p *Pair) repathStatic(layer Layer, out *Output) {
	if p.isStatic() && layer == LayerLCP && len(p.byAttempt) == 0 {
		out.effect(Repath{})
	}
}
