package session

import (
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
)

// StaticTunnel is the tunnel to a peer without the L2TP control protocol, as configured at both
// ends.
type StaticTunnel struct{ LocalID, PeerID uint32 }

// StaticSession is the session of a link to a static peer, as configured at both ends.
type StaticSession struct {
	LocalID, PeerID uint32

	// The cookies have 0, 4 or 8 octets. Received messages carry LocalCookie, sent ones PeerCookie.
	LocalCookie, PeerCookie []byte
}

// isStatic reports whether the pair has no signalling. An attempt then begins with the data plane,
// without a session request.
func (p *Pair) isStatic() bool { return p.cfg.Static != nil }

// startStatic starts an attempt of a static link.
func (l *Link) startStatic(out *Output) {
	s := l.Static
	l.setSession(control.NewStaticSession(s.LocalID, s.PeerID, s.LocalCookie, s.PeerCookie))
	l.session.RequireSequencing(l.Sequencing) // the peer is configured with the same
	l.create(out)
}

// startAll starts an attempt of each link of a static pair without a session.
func (p *Pair) startAll(now time.Time) {
	for _, l := range p.order {
		if l.session == nil {
			l.start(now)
		}
	}
}

// sendTerminate sends an LCP Terminate-Request to the peer of a static link at the end of an
// attempt. Static links have no CDN to notify the peer.
func (l *Link) sendTerminate(now time.Time, reason string, out *Output) {
	if !l.pair.isStatic() || l.ppp == nil || l.paused {
		return
	}
	var last ppp.Output
	l.ppp.Close(now, reason, &last)
	for frame := range last.Frames() {
		out.frame(l, frame)
	}
}

// reopenStaticPath requests a new path when LCP has failed and no link of a static pair has an
// attempt left on the old one. Addresses and routes of this host may have changed, which no control
// connection would detect here.
func (p *Pair) reopenStaticPath(layer Layer, out *Output) {
	if p.isStatic() && layer == LayerLCP && len(p.byAttempt) == 0 {
		out.effect(Repath{})
	}
}
