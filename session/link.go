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

// LinkConfig is the configuration of one link. Pair.ChangeLink and SetDisabled change some of it;
// VPN, VPNID, VR and Interface cannot change.
type LinkConfig struct {
	VPN       string
	VPNID     endid.VPNID
	VR        vr.Spec
	Interface string
	MTU       int // upper bound in octets; 0: what the path allows

	// Sequencing numbers data messages in both directions, unless it is SequenceNone. A request of
	// the peer numbers them too.
	Sequencing l2tp.DataSequencing

	Routes    []netip.Prefix
	Addresses []netip.Prefix // IPv6 addresses of the local end, in addition to the link-local one
	PPP       ppp.Config     // the link fills in its MRU
	Disabled  bool           // the link stays down

	Static *StaticSession // nil: control messages negotiate the session
}

// Link is the link of one VPN to one peer.
type Link struct {
	LinkConfig
	pair *Pair

	session *control.Session // nil: no attempt to have one is in progress
	attempt Attempt          // identifies the data plane's session; 0: none was requested
	ready   bool             // the data plane's session exists
	ppp     *ppp.Link        // nil until session is established and ready
	early   [][]byte         // frames received before that

	withoutIPv6 string // why PPP runs without IPv6 although it is configured; empty: it does not

	open   dataplane.Protocols // the network protocols whose NCP is opened
	wanted vr.Interface        // as last requested by Configure
	inUse  bool                // Configure was carried out since open became non-empty

	setDown bool // the operator has set the local interface down
	paused  bool // the local or the peer's interface is down

	callAt    time.Time // when to request a session from the peer; zero: not planned
	queued    bool      // in Pair.requests.queue
	pending   bool      // counted in Pair.requests.pending
	deadline  time.Time // as set in Pair.waiting
	heapIndex int       // in Pair.waiting

	since    time.Time    // when inUse last changed
	reason   string       // why the last attempt failed; empty: none has since it was last up
	layer    Layer        // the layer of reason
	refused  l2tp.CDNCode // the code of the peer's CDN, if that ended the last attempt; otherwise 0
	failures int          // failed attempts since it was last up for Retry.Max or longer
	logged   string       // the reason logged last; empty once the link is up
}

// maxEarly is the number of frames held for a session that is not established yet: the first LCP
// frame may overtake the ICCN.
const maxEarly = 4

// Bounds of the announced MRU, and thereby of the MTU, in octets of IP packet.
const (
	minMRU = 128 // PPP cannot work with less; only a broken path allows less
	maxMRU = 65535 - 4
)

// minMTU6 is the smallest MTU of a link that carries IPv6, in octets (RFC 8200, section 5).
const minMTU6 = 1280

// advance handles the timers that are due.
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

// schedule sets the link's deadline in Pair.waiting.
func (l *Link) schedule() {
	l.pair.waiting.set(l, timing.Earliest(l.callAt, l.pppDeadline()))
}

// pppDeadline returns when PPP needs to be advanced; zero: never.
func (l *Link) pppDeadline() time.Time {
	if l.ppp == nil || l.paused {
		return time.Time{}
	}
	return l.ppp.Deadline()
}

// answer accepts a session request of the peer.
func (l *Link) answer(now time.Time, s *control.Session, out *Output) {
	l.callAt = time.Time{}
	l.setSession(s)
	s.RequireSequencing(l.Sequencing)
	l.create(out)
	l.schedule()
}

func (l *Link) setSession(s *control.Session) {
	l.session = s
	l.pair.bySession[s] = l
}

// create requests the data plane's session, once the session IDs and cookies of both ends are
// known.
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

// created handles the report that the data plane's session exists. Only now the peer is notified
// that the session may be used, so that its first frame is not lost.
func (l *Link) created(now time.Time, out *Output) {
	l.ready = true
	if l.pair.isStatic() {
		l.established(now, out)
		return
	}
	l.session.Accept(now, &out.control)
	l.session.Connect(now, &out.control)
}

// established starts PPP, once both ends agree on the session or are configured with it.
func (l *Link) established(now time.Time, out *Output) {
	l.requestDone()
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

// frame handles a PPP frame from the peer.
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

// drain handles the output of PPP: frames and events.
func (l *Link) drain(now time.Time, out *Output) {
	if !l.paused {
		for frame := range out.ppp.Frames() {
			out.frame(l, frame)
		}
	}
	for _, event := range out.ppp.Events {
		if l.ppp == nil {
			break // an earlier event has ended the attempt
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
		l.protocolClosed(now, dataplane.IPv4, LayerIPCP, e.Reason, out)
	case ppp.IPv6Opened:
		l.wanted.LinkLocal, l.wanted.PeerLinkLocal = e.LocalID, e.PeerID
		l.setOpen(now, l.open|dataplane.IPv6, out)
	case ppp.IPv6Closed:
		l.wanted.LinkLocal, l.wanted.PeerLinkLocal = 0, 0
		l.protocolClosed(now, dataplane.IPv6, LayerIPv6CP, e.Reason, out)
	case ppp.LCPClosed:
		l.setReason(LayerLCP, e.Reason)
	case ppp.LinkFailed:
		l.fail(now, LayerLCP, e.Reason, l2tp.CDNLostCarrier, out)
	}
}

// protocolClosed handles the end of a network protocol or of its negotiation. If no other protocol
// is open or negotiating, the attempt has failed: LCP alone carries no packets and would not
// restart the negotiation.
func (l *Link) protocolClosed(now time.Time, p dataplane.Protocols, layer Layer, reason string, out *Output) {
	if l.open == p {
		l.setReason(layer, reason) // the link goes down with its last protocol
	}
	l.setOpen(now, l.open&^p, out)
	s := l.ppp.Status()
	if l.inUse && (p == dataplane.IPv4 && hasEnded(s.IPCP) || p == dataplane.IPv6 && hasEnded(s.IPV6CP)) {
		out.effect(Note{Kind: LinkPartial, Level: Warning, Link: l, Message: "link running without " + protocolName(p), Reason: reason})
	}
	if (l.PPP.IPv4 == nil || hasEnded(s.IPCP)) && (l.PPP.IPv6 == nil || l.withoutIPv6 != "" || hasEnded(s.IPV6CP)) {
		layer, reason := l.missingProtocol(&s)
		l.fail(now, layer, reason, l2tp.CDNLostCarrier, out)
	}
}

// hasEnded reports whether a network control protocol has ended and does not restart by itself.
func hasEnded(s ppp.State) bool {
	return s == ppp.Closed || s == ppp.Stopped || s == ppp.Closing || s == ppp.Stopping
}

func protocolName(p dataplane.Protocols) string {
	if p == dataplane.IPv4 {
		return "IPv4"
	}
	return "IPv6"
}

// missingProtocol returns the layer of a configured network protocol that the link lacks, and the
// reason; an empty reason: none is missing.
func (l *Link) missingProtocol(s *ppp.Status) (Layer, string) {
	switch {
	case l.PPP.IPv4 != nil && hasEnded(s.IPCP):
		return LayerIPCP, s.IPv4Reason
	case l.withoutIPv6 != "":
		return LayerIPv6CP, l.withoutIPv6
	case l.PPP.IPv6 != nil && hasEnded(s.IPV6CP):
		return LayerIPv6CP, s.IPv6Reason
	}
	return 0, ""
}

// setOpen sets which network protocols are open, and adapts the data plane and the interface.
func (l *Link) setOpen(now time.Time, open dataplane.Protocols, out *Output) {
	l.open = open
	out.effect(Open{l, l.attempt, l.passing()})
	if l.passing() == 0 {
		l.setInUse(now, false, out)
	}
	l.configure(out)
}

// passing returns the network protocols whose packets may pass.
func (l *Link) passing() dataplane.Protocols {
	if l.paused {
		return 0
	}
	return l.open
}

// configure requests the configuration of the interface that the open protocols and the path
// require. An interface that the operator has set down is left alone until it is set up again.
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

// setInUse sets whether the link carries packets, and logs a change.
func (l *Link) setInUse(now time.Time, inUse bool, out *Output) {
	if l.inUse == inUse {
		return
	}
	if !inUse && now.Sub(l.since) >= l.pair.cfg.Retry.Max {
		l.failures = 0 // the back-off of a flapping link keeps growing
	}
	l.inUse, l.since = inUse, now
	n := Note{Kind: LinkUp, Link: l, Message: "link up"}
	if inUse {
		l.setReason(0, "")
		_, n.Reason = l.missingProtocol(new(l.ppp.Status()))
	} else {
		n.Kind, n.Message, n.Reason = LinkDown, "link down", l.reason
		if !l.pair.stopping {
			n.Level = Warning
		}
	}
	l.logged = l.reason
	out.effect(n)
}

// pathChanged adapts the link to the path's new MTU. PPP checks at its start whether the MTU is
// large enough for IPv6, so the link restarts if that has changed.
func (l *Link) pathChanged(now time.Time, out *Output) {
	switch {
	case l.ppp == nil:
	case l.tooSmallForIPv6() != "" != (l.withoutIPv6 != ""):
		l.fail(now, LayerIPv6CP, fmt.Sprintf("the path MTU is now %d octets", l.pair.pathMTU), l2tp.CDNTemporaryFacilities, out)
	default:
		l.configure(out)
	}
}

// tooSmallForIPv6 returns why the MTU is too small for the configured IPv6, or "" if it is not.
func (l *Link) tooSmallForIPv6() string {
	mtu := min(l.mru(), l.mtu(0))
	if l.PPP.IPv6 == nil || mtu >= minMTU6 {
		return ""
	}
	return fmt.Sprintf("the path MTU of %d octets leaves %d for the link; IPv6 needs %d", l.pair.pathMTU, mtu, minMTU6)
}

// mru returns the size of the largest packet that the peer may send without fragmentation, in
// octets.
func (l *Link) mru() int {
	return l.mtuWithCookie(len(l.session.LocalCookie))
}

// mtu returns the size of the largest packet that may enter the interface, in octets: the path's
// limit, or the peer's MRU if that is known and smaller.
func (l *Link) mtu(peerMRU int) int {
	mtu := l.mtuWithCookie(len(l.session.PeerCookie))
	if peerMRU != 0 {
		mtu = min(mtu, peerMRU)
	}
	return mtu
}

// overhead returns the headers that surround a packet, with a cookie of that many octets.
func (l *Link) overhead(cookie int) dataplane.Overhead {
	return l.pair.cfg.Encapsulation.Overhead(l.pair.cfg.Address.Addr(), cookie, l.sublayer())
}

// sublayer returns the L2-specific sublayer that the ends have agreed on. It is the same in both
// directions, except that the peer may request IP packets without numbers. Without a session it is
// the sublayer that this end will request.
func (l *Link) sublayer() dataplane.Sublayer {
	var local, peer control.Demands
	if l.session != nil {
		local, peer = l.session.Demands, l.session.PeerDemands
	} else {
		local.Sequencing = l.Sequencing
	}
	switch {
	case peer.Sequencing == l2tp.SequenceNonIP:
		return dataplane.SublayerSequencedNonIP
	case local.Sequencing != l2tp.SequenceNone:
		return dataplane.SublayerSequenced
	case local.Sublayer != l2tp.SublayerNone:
		return dataplane.SublayerAlone
	}
	return dataplane.NoSublayer
}

// mtuWithCookie returns the largest packet that the path and the configuration allow, in octets,
// with a cookie of that many octets.
func (l *Link) mtuWithCookie(cookie int) int {
	mtu := l.pair.pathMTU - l.overhead(cookie).Total()
	if l.MTU != 0 {
		mtu = min(mtu, l.MTU)
	}
	return min(max(mtu, minMRU), maxMRU)
}
