package session

import (
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/vr"
)

// LinkConfig is what the operator wants of one link. It does not change.
type LinkConfig struct {
	VPN       string
	VPNID     endid.VPNID
	VR        string // name of the virtual router
	Interface string
	MTU       int // upper bound in octets; 0: what the path leaves
	Routes    []netip.Prefix
	PPP       ppp.Config // its MRU is the link's to fill in
}

// Link is one VPN towards one peer.
type Link struct {
	LinkConfig
	pair *Pair

	session *control.Session // nil: none is wanted now
	attempt Attempt          // names what session has asked of the data plane; 0: nothing
	ready   bool             // the data plane's session is there
	ppp     *ppp.Link        // nil until session is established and ready
	early   [][]byte         // frames that came before that

	open   dataplane.Protocols // whose NCP is opened
	wanted vr.Interface        // what Configure was last asked for
	inUse  bool                // Configure was carried out since open became not empty

	callAt   time.Time // when to ask the peer for a session; zero: not planned
	deadline time.Time // as it stands in Pair.waiting
	place    int

	since    time.Time // when it became up or not up
	reason   string    // why the last attempt failed; empty: none has since it was last up
	layer    Layer     // where it failed
	failures int       // attempts that failed since it was last up
}

// maxEarly bounds the frames held for a session that is not yet established: the first LCP frame may overtake the ICCN.
const maxEarly = 4

// maxMRU is the largest MRU that we announce, and with it the largest MTU.
const maxMRU = 65535 - 4

// callAfter plans to ask the peer for a session, unless the peer asks first.
func (l *Link) callAfter(now time.Time, delay time.Duration, out *Output) {
	l.callAt = now.Add(delay)
	if delay == 0 {
		l.advance(now, out)
		return
	}
	l.schedule()
}

// advance acts on the timers that are due.
func (l *Link) advance(now time.Time, out *Output) {
	if due(l.callAt, now) {
		l.call(now, out)
	}
	if l.ppp != nil && due(l.ppp.Deadline(), now) {
		l.ppp.Advance(now, &out.ppp)
		l.drain(now, out)
	}
	l.schedule()
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// schedule takes note of the next time to advance.
func (l *Link) schedule() {
	at := l.callAt
	if l.ppp != nil {
		at = earliest(at, l.ppp.Deadline())
	}
	l.pair.waiting.set(l, at)
}

// call asks the peer for a session.
func (l *Link) call(now time.Time, out *Output) {
	l.callAt = time.Time{}
	if c := l.pair.control.Established(); c != nil && l.session == nil {
		l.take(c.Open(now, l.VPNID.AppendOctets(nil), &out.control))
	}
}

// answer takes a call of the peer. The data plane is asked at once, so that it is there when the first frame comes.
func (l *Link) answer(now time.Time, s *control.Session, out *Output) {
	l.callAt = time.Time{}
	l.take(s)
	l.create(out)
	s.Accept(now, &out.control)
	l.schedule()
}

func (l *Link) take(s *control.Session) {
	l.session = s
	l.pair.bySession[s] = l
}

// established says that the peers agree on the session: data may flow.
func (l *Link) established(now time.Time, out *Output) {
	if l.attempt == 0 {
		l.create(out)
	}
	l.beginPPP(now, out)
}

// create asks for the data plane's session.
func (l *Link) create(out *Output) {
	p := l.pair
	p.attempts++
	l.attempt = p.attempts
	p.byAttempt[l.attempt] = l
	s := l.session
	out.effect(Create{l, l.attempt, dataplane.SessionConfig{
		LocalConnectionID: s.Connection.ID, PeerConnectionID: s.Connection.PeerID,
		LocalID: s.ID, PeerID: s.PeerID,
		LocalCookie: s.LocalCookie, PeerCookie: s.PeerCookie,
		Interface: l.Interface, MTU: l.mtu(0),
	}})
}

func (l *Link) created(now time.Time, out *Output) {
	l.ready = true
	l.beginPPP(now, out)
}

// beginPPP starts PPP once both the session and the data plane are there.
func (l *Link) beginPPP(now time.Time, out *Output) {
	if !l.ready || l.session.State != control.SessionEstablished {
		return
	}
	cfg := l.PPP
	cfg.MRU = uint16(min(l.mru(), maxMRU))
	l.ppp = ppp.New(cfg)
	l.ppp.Up(now, &out.ppp)
	for _, frame := range l.early {
		l.ppp.Receive(now, frame, &out.ppp)
	}
	l.early = nil
	l.drain(now, out)
	l.schedule()
}

// frame takes a PPP frame from the peer.
func (l *Link) frame(now time.Time, frame []byte, out *Output) {
	if l.ppp == nil {
		if len(l.early) < maxEarly {
			l.early = append(l.early, append([]byte(nil), frame...))
		}
		return
	}
	l.ppp.Receive(now, frame, &out.ppp)
	l.drain(now, out)
	l.schedule()
}

// drain carries out what PPP wants.
func (l *Link) drain(now time.Time, out *Output) {
	for frame := range out.ppp.Frames() {
		out.frame(l, frame)
	}
	events := out.ppp.Events
	for _, event := range events {
		l.pppEvent(now, event, out)
	}
	out.ppp.Reset()
}

func (l *Link) pppEvent(now time.Time, event ppp.Event, out *Output) {
	if l.ppp == nil {
		return // an event before this one has ended the attempt
	}
	switch e := event.(type) {
	case ppp.IPv4Opened:
		l.wanted.Local, l.wanted.Peer = e.Local, e.Peer
		l.settled(LayerIPCP)
		l.setOpen(now, l.open|dataplane.IPv4, out)
	case ppp.IPv4Closed:
		l.wanted.Local, l.wanted.Peer = netip.Addr{}, netip.Addr{}
		l.note(LayerIPCP, e.Reason)
		l.setOpen(now, l.open&^dataplane.IPv4, out)
	case ppp.IPv6Opened:
		l.wanted.LinkLocal, l.wanted.PeerLinkLocal = e.LocalID, e.PeerID
		l.settled(LayerIPv6CP)
		l.setOpen(now, l.open|dataplane.IPv6, out)
	case ppp.IPv6Closed:
		l.wanted.LinkLocal, l.wanted.PeerLinkLocal = 0, 0
		l.note(LayerIPv6CP, e.Reason)
		l.setOpen(now, l.open&^dataplane.IPv6, out)
	case ppp.LCPClosed:
		l.note(LayerLCP, e.Reason)
	case ppp.LinkFailed:
		l.fail(now, LayerLCP, e.Reason, l2tp.CDNLostCarrier, out)
	}
}

// setOpen says which network protocols may pass, and has the interface follow.
func (l *Link) setOpen(now time.Time, open dataplane.Protocols, out *Output) {
	l.open = open
	out.effect(Open{l, l.attempt, open})
	if open == 0 {
		l.setInUse(now, false, out)
	}
	l.configure(out)
}

// configure asks for the interface to be as the open protocols and the path want it.
func (l *Link) configure(out *Output) {
	if l.ppp == nil {
		return
	}
	l.wanted.Up = l.open != 0
	l.wanted.MTU = l.mtu(int(l.ppp.Status().PeerMRU))
	l.wanted.Routes = nil
	for _, route := range l.Routes {
		if l.open.Has(protocolOf(route.Addr())) {
			l.wanted.Routes = append(l.wanted.Routes, route)
		}
	}
	out.effect(Configure{l, l.attempt, l.wanted})
}

func protocolOf(a netip.Addr) dataplane.Protocols {
	if a.Is4() {
		return dataplane.IPv4
	}
	return dataplane.IPv6
}

func (l *Link) configured(now time.Time, out *Output) {
	l.setInUse(now, l.open != 0, out)
}

// setInUse says whether the link carries packets.
func (l *Link) setInUse(now time.Time, inUse bool, out *Output) {
	if l.inUse == inUse {
		return
	}
	l.inUse, l.since = inUse, now
	if inUse {
		l.failures = 0
		if l.layer != LayerIPCP && l.layer != LayerIPv6CP {
			l.reason = "" // of these, one may be down while the other carries the link
		}
		out.effect(Note{Link: l, Message: "link up"})
	} else {
		out.effect(Note{Level: Warning, Link: l, Message: "link down", Reason: l.reason})
	}
}

// mru is the largest packet that the peer may send us unfragmented.
func (l *Link) mru() int {
	return l.bound(len(l.session.LocalCookie))
}

// mtu is the largest packet that may enter the interface: what the path takes and, if that is known, what the peer's MRU
// takes.
func (l *Link) mtu(peerMRU int) int {
	mtu := l.bound(len(l.session.PeerCookie))
	if peerMRU != 0 {
		mtu = min(mtu, peerMRU)
	}
	return mtu
}

func (l *Link) bound(cookie int) int {
	mtu := l.pair.pathMTU - dataplane.UDPOverhead(l.pair.cfg.Address.Addr(), cookie).Total()
	if l.MTU != 0 {
		mtu = min(mtu, l.MTU)
	}
	return mtu
}
