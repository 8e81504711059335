package session

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/vr"
)

// LinkConfig is what the operator wants of one link. Pair.ChangeLink and SetDisabled change some of
// it; VPN, VPNID, VR and Interface stay.
type LinkConfig struct {
	VPN       string
	VPNID     endid.VPNID
	VR        vr.Spec
	Interface string
	MTU       int // upper bound in octets; 0: what the path leaves

	// Sequencing other than SequenceNone: data messages are numbered, both ways. So they are if the
	// peer asks for it.
	Sequencing l2tp.DataSequencing

	Routes    []netip.Prefix
	Addresses []netip.Prefix // IPv6 addresses of our end, beside the link-local one
	PPP       ppp.Config     // its MRU is the link's to fill in
	Disabled  bool           // the link is to stay down

	Static *StaticSession // nil: the session is agreed upon by control messages
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

	withoutIPv6 string // why PPP runs without IPv6, though it is configured; empty: it does not

	open   dataplane.Protocols // whose NCP is opened
	wanted vr.Interface        // what Configure was last asked for
	inUse  bool                // Configure was carried out since open became not empty

	setDown bool // the operator has set our interface down
	paused  bool // our interface or the peer's is down

	callAt   time.Time // when to ask the peer for a session; zero: not planned
	inLine   bool      // it waits for its turn to ask
	asking   bool      // it has asked, and counts as one that does
	deadline time.Time // as it stands in Pair.waiting
	place    int

	since    time.Time    // when it became up or not up
	reason   string       // why the last attempt failed; empty: none has since it was last up
	layer    Layer        // where it failed
	refused  l2tp.CDNCode // the code of the peer's CDN, if that was how; else 0
	failures int          // attempts that failed since it was last up for a while
	told     string       // the reason that the log was last told; empty once the link is up
}

// maxEarly bounds the frames held for a session that is not yet established: the first LCP frame
// may overtake the ICCN.
const maxEarly = 4

// Bounds of what we announce as MRU, and so of the MTU, in octets of IP packet.
const (
	minMRU = 128 // PPP does with no less; only a path that is broken leaves less
	maxMRU = 65535 - 4
)

// minMTU6 is the least MTU with which a link can carry IPv6 (RFC 8200, section 5).
const minMTU6 = 1280

// advance acts on the timers that are due.
func (l *Link) advance(now time.Time, out *Output) {
	if timing.Due(l.callAt, now) {
		l.call(now)
	}
	if timing.Due(l.pppDeadline(), now) {
		l.ppp.Advance(now, &out.ppp)
		l.drain(now, out)
	}
	l.schedule()
}

// schedule takes note of the next time to advance.
func (l *Link) schedule() {
	l.pair.waiting.set(l, timing.Earliest(l.callAt, l.pppDeadline()))
}

// pppDeadline is when PPP needs to be advanced; zero: never.
func (l *Link) pppDeadline() time.Time {
	if l.ppp == nil || l.paused {
		return time.Time{}
	}
	return l.ppp.Deadline()
}

// answer takes a call of the peer.
func (l *Link) answer(now time.Time, s *control.Session, out *Output) {
	l.callAt = time.Time{}
	l.take(s)
	s.RequireSequencing(l.Sequencing)
	l.create(out)
	l.schedule()
}

func (l *Link) take(s *control.Session) {
	l.session = s
	l.pair.bySession[s] = l
}

// create asks for the data plane's session, once both sides' session IDs and cookies are known.
func (l *Link) create(out *Output) {
	p := l.pair
	p.attempts++
	l.attempt = p.attempts
	p.byAttempt[l.attempt] = l
	s := l.session
	connection, peerConnection := p.connectionOf(s)
	out.effect(Create{l, l.attempt, dataplane.SessionConfig{
		LocalConnectionID: connection, PeerConnectionID: peerConnection,
		LocalID: s.ID, PeerID: s.PeerID,
		LocalCookie: s.LocalCookie, PeerCookie: s.PeerCookie, Sublayer: l.sublayer(),
		Interface: l.Interface, MTU: l.mtu(0),
	}})
}

// created says that the data plane is ready: only now does the peer hear that the session may be
// used, so that its first frame finds us.
func (l *Link) created(now time.Time, out *Output) {
	l.ready = true
	if l.pair.isStatic() {
		l.established(now, out)
		return
	}
	l.session.Accept(now, &out.control)
	l.session.Connect(now, &out.control)
}

// established says that the peers agree on the session, or were configured to: PPP begins.
func (l *Link) established(now time.Time, out *Output) {
	l.asked()
	cfg := l.PPP
	cfg.MRU = uint16(l.mru())
	if l.withoutIPv6 = l.tooSmallForIPv6(); l.withoutIPv6 != "" {
		cfg.IPv6 = nil
	}
	if cfg.IPv4 == nil && cfg.IPv6 == nil {
		l.fail(now, LayerIPv6CP, l.withoutIPv6, l2tp.CDNTemporaryFacilities, out)
		return
	}
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
	if l.paused {
		return
	}
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
	if !l.paused {
		for frame := range out.ppp.Frames() {
			out.frame(l, frame)
		}
	}
	for _, event := range out.ppp.Events {
		if l.ppp == nil {
			break // an event before this one has ended the attempt
		}
		l.pppEvent(now, event, out)
	}
	out.ppp.Reset()
}

func (l *Link) pppEvent(now time.Time, event ppp.Event, out *Output) {
	switch e := event.(type) {
	case ppp.IPv4Opened:
		l.wanted.Local, l.wanted.Peer = e.Local, e.Peer
		l.setOpen(now, l.open|dataplane.IPv4, out)
	case ppp.IPv4Closed:
		l.wanted.Local, l.wanted.Peer = netip.Addr{}, netip.Addr{}
		l.closed(now, dataplane.IPv4, LayerIPCP, e.Reason, out)
	case ppp.IPv6Opened:
		l.wanted.LinkLocal, l.wanted.PeerLinkLocal = e.LocalID, e.PeerID
		l.setOpen(now, l.open|dataplane.IPv6, out)
	case ppp.IPv6Closed:
		l.wanted.LinkLocal, l.wanted.PeerLinkLocal = 0, 0
		l.closed(now, dataplane.IPv6, LayerIPv6CP, e.Reason, out)
	case ppp.LCPClosed:
		l.note(LayerLCP, e.Reason)
	case ppp.LinkFailed:
		l.fail(now, LayerLCP, e.Reason, l2tp.CDNLostCarrier, out)
	}
}

// closed takes the end of a network protocol, or of its negotiation. When none is left that is open
// or negotiating, LCP alone is of no use, and nothing in it would begin anew: the attempt has
// failed.
func (l *Link) closed(now time.Time, p dataplane.Protocols, layer Layer, reason string, out *Output) {
	if l.open == p {
		l.note(layer, reason) // the link goes down with it
	}
	l.setOpen(now, l.open&^p, out)
	s := l.ppp.Status()
	if l.inUse && (p == dataplane.IPv4 && over(s.IPCP) || p == dataplane.IPv6 && over(s.IPV6CP)) {
		out.effect(Note{Kind: LinkPartial, Level: Warning, Link: l, Message: "link goes on without " + protocolName(p), Reason: reason})
	}
	if (l.PPP.IPv4 == nil || over(s.IPCP)) && (l.PPP.IPv6 == nil || l.withoutIPv6 != "" || over(s.IPV6CP)) {
		layer, reason := l.lacks(&s)
		l.fail(now, layer, reason, l2tp.CDNLostCarrier, out)
	}
}

// over reports whether a network control protocol has ended and does not begin anew by itself.
func over(s ppp.State) bool {
	return s == ppp.Closed || s == ppp.Stopped || s == ppp.Closing || s == ppp.Stopping
}

func protocolName(p dataplane.Protocols) string {
	if p == dataplane.IPv4 {
		return "IPv4"
	}
	return "IPv6"
}

// lacks says which network protocol the link does without, though it is configured, and why; an
// empty reason: none.
func (l *Link) lacks(s *ppp.Status) (Layer, string) {
	switch {
	case l.PPP.IPv4 != nil && over(s.IPCP):
		return LayerIPCP, s.IPv4Reason
	case l.withoutIPv6 != "":
		return LayerIPv6CP, l.withoutIPv6
	case l.PPP.IPv6 != nil && over(s.IPV6CP):
		return LayerIPv6CP, s.IPv6Reason
	}
	return 0, ""
}

// setOpen says which network protocols may pass, and has the interface follow.
func (l *Link) setOpen(now time.Time, open dataplane.Protocols, out *Output) {
	l.open = open
	out.effect(Open{l, l.attempt, l.passing()})
	if l.passing() == 0 {
		l.setInUse(now, false, out)
	}
	l.configure(out)
}

// passing are the network protocols that pass.
func (l *Link) passing() dataplane.Protocols {
	if l.paused {
		return 0
	}
	return l.open
}

// configure asks for the interface to be as the open protocols and the path want it. One that the
// operator has set down is left alone until it is set up again.
func (l *Link) configure(out *Output) {
	if l.setDown {
		return
	}
	l.wanted.Up = l.passing() != 0
	l.wanted.MTU = l.mtu(int(l.ppp.Status().PeerMRU))
	l.wanted.Routes, l.wanted.Addresses = nil, nil
	if l.open.Has(dataplane.IPv6) {
		l.wanted.Addresses = l.Addresses
	}
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
	l.setInUse(now, l.passing() != 0, out)
}

// setInUse says whether the link carries packets.
func (l *Link) setInUse(now time.Time, inUse bool, out *Output) {
	if l.inUse == inUse {
		return
	}
	if !inUse && now.Sub(l.since) >= l.pair.cfg.Retry.Max {
		l.failures = 0 // one that flaps goes on to be tried less and less
	}
	l.inUse, l.since = inUse, now
	n := Note{Kind: LinkUp, Link: l, Message: "link up"}
	if inUse {
		l.note(0, "")
		_, n.Reason = l.lacks(new(l.ppp.Status()))
	} else {
		n.Kind, n.Message, n.Reason = LinkDown, "link down", l.reason
		if !l.pair.stopping {
			n.Level = Warning
		}
	}
	l.told = l.reason
	out.effect(n)
}

// pathChanged fits the link to the path's new MTU. Whether there is room for IPv6 is asked when PPP
// begins, so if that has changed the link begins anew.
func (l *Link) pathChanged(now time.Time, out *Output) {
	switch {
	case l.ppp == nil:
	case l.tooSmallForIPv6() != "" != (l.withoutIPv6 != ""):
		l.fail(now, LayerIPv6CP, fmt.Sprintf("the path MTU is now %d octets", l.pair.pathMTU), l2tp.CDNTemporaryFacilities, out)
	default:
		l.configure(out)
	}
}

// tooSmallForIPv6 says why IPv6 has no room in the link, if it is configured; empty: it has.
func (l *Link) tooSmallForIPv6() string {
	mtu := min(l.mru(), l.mtu(0))
	if l.PPP.IPv6 == nil || mtu >= minMTU6 {
		return ""
	}
	return fmt.Sprintf("the path MTU of %d octets leaves %d for the link; IPv6 needs %d", l.pair.pathMTU, mtu, minMTU6)
}

// mru is the largest packet that the peer may send us unfragmented.
func (l *Link) mru() int {
	return l.bound(len(l.session.LocalCookie))
}

// mtu is the largest packet that may enter the interface: what the path takes and, if that is
// known, what the peer's MRU takes.
func (l *Link) mtu(peerMRU int) int {
	mtu := l.bound(len(l.session.PeerCookie))
	if peerMRU != 0 {
		mtu = min(mtu, peerMRU)
	}
	return mtu
}

// overhead is what surrounds packets with a cookie of that many octets.
func (l *Link) overhead(cookie int) dataplane.Overhead {
	return l.pair.cfg.Encapsulation.Overhead(l.pair.cfg.Address.Addr(), cookie, l.sublayer())
}

// sublayer is what the ends have agreed on: the same both ways, but that the peer may want IP
// packets without numbers. Without a session it is what we shall ask for.
func (l *Link) sublayer() dataplane.Sublayer {
	var ours, theirs control.Demands
	if l.session != nil {
		ours, theirs = l.session.Demands, l.session.PeerDemands
	} else {
		ours.Sequencing = l.Sequencing
	}
	switch {
	case theirs.Sequencing == l2tp.SequenceNonIP:
		return dataplane.SublayerSequencedNonIP
	case ours.Sequencing != l2tp.SequenceNone:
		return dataplane.SublayerSequenced
	case ours.Sublayer != l2tp.SublayerNone:
		return dataplane.SublayerAlone
	}
	return dataplane.NoSublayer
}

// bound is what the path and the operator leave for packets with a cookie of that many octets.
func (l *Link) bound(cookie int) int {
	mtu := l.pair.pathMTU - l.overhead(cookie).Total()
	if l.MTU != 0 {
		mtu = min(mtu, l.MTU)
	}
	return min(max(mtu, minMRU), maxMRU)
}
