package session

import (
	"encoding/binary"
	"fmt"
	"iter"
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

// PairConfig is the configuration of a Pair.
type PairConfig struct {
	Peer          string         // the local name of the peer
	Address       netip.AddrPort // of the peer
	Encapsulation dataplane.Encapsulation
	Control       control.Config
	Links         []LinkConfig

	// Static is the tunnel to a peer without signalling, with the Static sessions of its links in
	// it; nil: the peer has signalling.
	Static *StaticTunnel

	// Protected reports whether IPsec protects the control connection, and thereby its sessions.
	// OtherClass has the VPNs whose links to this peer belong to its control connection of the
	// other class: session requests for them are refused here.
	Protected  bool
	OtherClass []endid.VPNID

	// Retry is the back-off of links whose attempt has failed while the control connection is up.
	Retry timing.Backoff

	// Grace is the time in which only the end that has established the control connection requests
	// sessions, from the establishment and again from each of its requests. Then the other end
	// requests sessions too. This avoids a tie for most links.
	Grace time.Duration
}

// Pair holds the control connection to one peer for one protection class, and the links on it.
type Pair struct {
	cfg     PairConfig
	control *control.Peer
	links   map[endid.VPNID]*Link
	order   []*Link // as configured

	bySession map[*control.Session]*Link
	byAttempt map[Attempt]*Link
	attempts  Attempt
	waiting   deadlines
	requests  requests
	pathMTU   int
	stopping  bool

	wrongClass map[endid.VPNID]time.Time // see PairStatus.WrongClass
	unknown    map[endid.VPNID]Calls     // see PairStatus.Unknown
	rtts       ppp.RTTs                  // of the echoes of earlier attempts
	logged     string                    // the reason logged last while the connection is down
}

// NewPair makes a Pair that does nothing until Start.
func NewPair(cfg PairConfig) *Pair {
	cfg.Control.Protected = cfg.Protected
	p := &Pair{
		cfg:        cfg,
		control:    control.NewPeer(cfg.Control),
		links:      make(map[endid.VPNID]*Link, len(cfg.Links)),
		bySession:  make(map[*control.Session]*Link),
		byAttempt:  make(map[Attempt]*Link),
		wrongClass: make(map[endid.VPNID]time.Time),
		unknown:    make(map[endid.VPNID]Calls),
		pathMTU:    defaultPathMTU,
	}
	for _, id := range cfg.OtherClass {
		p.wrongClass[id] = time.Time{}
	}
	for _, lc := range cfg.Links {
		p.newLink(lc)
	}
	p.cfg.Links = nil // each link has its own
	return p
}

// defaultPathMTU is used until the path MTU is known, in octets.
const defaultPathMTU = 1500

// Start starts the control connection and the links.
func (p *Pair) Start(now time.Time, out *Output) {
	for _, l := range p.order {
		l.since = now
	}
	if p.isStatic() {
		p.startAll(now)
	} else {
		p.control.Start(now, &out.control)
	}
	p.drain(now, out)
}

// Stop takes everything down when the daemon ends: it sends a CDN for each session and a StopCCN
// for the connection. Done reports when the peer has acknowledged them.
func (p *Pair) Stop(now time.Time, out *Output) {
	p.stop(now, "shutting down", l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, out)
}

// Close is Stop for another reason, while the daemon continues.
func (p *Pair) Close(now time.Time, why string, out *Output) {
	p.stop(now, why, l2tp.Result{Code: uint16(l2tp.StopGeneral), HasError: true, Message: []byte(why)}, out)
}

func (p *Pair) stop(now time.Time, why string, result l2tp.Result, out *Output) {
	p.stopping = true
	for _, l := range p.order {
		l.endAttempt(now, why, out)
	}
	p.control.Stop(now, result, &out.control)
	p.drain(now, out)
}

// Done reports whether everything is sent and acknowledged.
func (p *Pair) Done() bool { return p.control.Done() }

// Receive handles a control message from the peer's address. A static pair ignores it.
func (p *Pair) Receive(now time.Time, message []byte, out *Output) {
	if p.isStatic() {
		return
	}
	p.control.Receive(now, message, &out.control)
	p.drain(now, out)
}

// PeerConnectionID returns the ID that the peer has assigned to the established control connection;
// 0 if none is established.
func (p *Pair) PeerConnectionID() uint32 {
	if c := p.control.Established(); c != nil {
		return c.PeerID
	}
	return 0
}

// connectionOf returns the local and the peer's ID of a session's control connection or static
// tunnel.
func (p *Pair) connectionOf(s *control.Session) (id, peerID uint32) {
	if p.isStatic() {
		return p.cfg.Static.LocalID, p.cfg.Static.PeerID
	}
	return s.Connection.ID, s.Connection.PeerID
}

// RetryNow starts a planned attempt now.
func (p *Pair) RetryNow(now time.Time, out *Output) {
	if p.isStatic() {
		p.startAll(now)
	} else {
		p.control.RetryNow(now, &out.control)
	}
	p.drain(now, out)
}

// DataReceived reports when the last data message from the peer was received.
func (p *Pair) DataReceived(at time.Time) {
	if c := p.control.Established(); c != nil {
		c.DataReceived(at)
	}
}

// SetPathMTU sets the size of the largest IP packet that reaches the peer unfragmented, in octets.
func (p *Pair) SetPathMTU(now time.Time, mtu int, out *Output) {
	if mtu == p.pathMTU {
		return
	}
	p.pathMTU = mtu
	for _, l := range p.order {
		l.pathChanged(now, out)
	}
	p.drain(now, out)
}

// Created reports that the data plane's session of an attempt exists.
func (p *Pair) Created(now time.Time, a Attempt, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.created(now, out) })
}

// Configured reports that the last Configure of an attempt was carried out.
func (p *Pair) Configured(now time.Time, a Attempt, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.configured(now, out) })
}

// Failed reports that an effect of an attempt has failed, or that its session or interface has
// vanished.
func (p *Pair) Failed(now time.Time, a Attempt, err error, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.failed(now, err.Error(), out) })
}

// RouterGone reports that a virtual router has vanished, with the interfaces in it.
func (p *Pair) RouterGone(now time.Time, router vr.Spec, reason string, out *Output) {
	for _, l := range p.order {
		if l.VR == router && l.attempt != 0 {
			l.failed(now, reason, out)
		}
	}
	p.drain(now, out)
}

// Frame handles a PPP frame received on the data plane's session of an attempt.
func (p *Pair) Frame(now time.Time, a Attempt, frame []byte, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.frame(now, frame, out) })
}

// withAttempt calls f with the link of an attempt, or does nothing if the attempt has ended.
func (p *Pair) withAttempt(now time.Time, a Attempt, out *Output, f func(*Link)) {
	if l := p.byAttempt[a]; l != nil {
		f(l)
		p.drain(now, out)
	}
}

// Due yields the links that Advance would handle now.
func (p *Pair) Due(now time.Time) iter.Seq[*Link] { return p.waiting.due(now) }

// DataReceivedOn reports when the last data message was received on the data plane's session of an
// attempt. It counts as a sign of life for LCP echo. Call it before Advance.
func (p *Pair) DataReceivedOn(a Attempt, at time.Time) {
	if l := p.byAttempt[a]; l != nil && l.ppp != nil {
		l.ppp.DataReceived(at)
	}
}

// Advance handles the timers that are due.
func (p *Pair) Advance(now time.Time, out *Output) {
	if timing.Due(p.control.Deadline(), now) {
		p.control.Advance(now, &out.control)
		p.drain(now, out)
	}
	for next := p.waiting.next(); timing.Due(next, now); next = p.waiting.next() {
		p.waiting[0].advance(now, out)
		p.drain(now, out)
	}
}

// Deadline returns when Advance must be called next; zero: never.
func (p *Pair) Deadline() time.Time {
	return timing.Earliest(p.control.Deadline(), p.waiting.next())
}

// drain handles the events of the control machine until none is left; handling one may cause
// others.
func (p *Pair) drain(now time.Time, out *Output) {
	for i := 0; i < len(out.control.Events); i++ {
		switch e := out.control.Events[i].(type) {
		case control.ConnectionUp:
			p.connectionUp(now, e.Connection, out)
		case control.ConnectionDown:
			p.connectionDown(now, e.Why, out)
		case control.CallIncoming:
			p.incoming(now, e.Session, out)
		case control.CallAnswered:
			if l := p.bySession[e.Session]; l != nil {
				l.create(out)
			}
		case control.SessionUp:
			if l := p.bySession[e.Session]; l != nil {
				l.established(now, out)
			}
		case control.CircuitChanged:
			if l := p.bySession[e.Session]; l != nil {
				l.circuitChanged(now, out)
			}
		case control.SessionDown:
			if l := p.bySession[e.Session]; l != nil {
				l.sessionDown(now, e.Why, out)
			}
		}
	}
	out.control.Events = out.control.Events[:0]
	p.sendRequests(now, out)
}

func (p *Pair) connectionUp(now time.Time, c *control.Connection, out *Output) {
	p.logged = ""
	out.effect(Note{Kind: ConnectionUp, Message: "control connection established"})
	p.deferToPeer(now, c)
	for _, l := range p.order {
		if l.session == nil {
			l.failures = 0
			if l.layer == LayerConnection {
				l.setReason(0, "")
			}
			l.start(now)
		}
	}
}

// deferToPeer lets the end that has established the control connection request sessions first.
func (p *Pair) deferToPeer(now time.Time, c *control.Connection) {
	p.requests.notBefore = now
	if !c.Initiator {
		p.requests.notBefore = now.Add(timing.Backoff{Min: p.cfg.Grace, Max: p.cfg.Grace}.Delay(0, p.random32()))
	}
}

func (p *Pair) connectionDown(now time.Time, why control.Reason, out *Output) {
	p.logDown(why, out)
	for _, l := range p.order {
		l.cancelCall()
	}
	if why.Cause == control.CauseSilent {
		out.effect(Repath{})
	}
}

// logDown logs why the control connection is down, unless that was logged last.
func (p *Pair) logDown(why control.Reason, out *Output) {
	if p.stopping {
		out.effect(Note{Kind: ConnectionDown, Message: "control connection closed"})
		return
	}
	if p.logged == why.Text {
		return
	}
	p.logged = why.Text
	n := Note{Kind: ConnectionFailed, Level: Warning, Message: "control connection down", Reason: why.Text}
	if why.Cause == control.CauseReplaced {
		n.Kind = PeerRestarted
	}
	if why.Cause == control.CauseRefused && l2tp.StopCCNCode(why.Result.Code) == l2tp.StopAlreadyExists {
		n.Level = Info // both ends have started a connection: the peer's is kept
	}
	out.effect(n)
}

// incoming handles a session request of the peer: it finds the link by the VPN-ID, or refuses.
func (p *Pair) incoming(now time.Time, s *control.Session, out *Output) {
	id, err := endid.FromOctets(s.RemoteEndID)
	l := p.links[id]
	_, wrongClass := p.wrongClass[id]
	switch {
	case err != nil:
		p.refuse(now, s, l2tp.CDNPermanentFacilities, fmt.Sprintf("Remote End ID is not a VPN-ID: %v", err), out)
	case wrongClass:
		p.wrongClass[id] = now
		p.refuse(now, s, l2tp.CDNPermanentFacilities, fmt.Sprintf("VPN %s %s", id, p.classMismatch()), out)
	case l == nil:
		p.recordUnknown(now, id)
		p.refuse(now, s, l2tp.CDNPermanentFacilities, fmt.Sprintf("VPN-ID %s is not configured for peer %s", id, p.peerName(s)), out)
	case l.Disabled:
		p.refuse(now, s, l2tp.CDNAdministrative, fmt.Sprintf("VPN %s is %s here", id, disabledReason), out)
	case l.session != nil:
		p.refuse(now, s, l2tp.CDNTemporaryFacilities, fmt.Sprintf("VPN %s already has a session", id), out)
	default:
		p.deferToPeer(now, s.Connection)
		l.answer(now, s, out)
	}
}

// classMismatch returns why a session request for a link of the other class is refused.
func (p *Pair) classMismatch() string {
	if p.cfg.Protected {
		return "is clear here, but this connection is protected"
	}
	return "requires IPsec here, but this connection is clear"
}

// peerName returns the peer's own host name, so that its operator recognizes it.
func (p *Pair) peerName(s *control.Session) string {
	if name := s.Connection.HostName; name != "" {
		return fmt.Sprintf("%q", name)
	}
	return p.cfg.Peer
}

func (p *Pair) refuse(now time.Time, s *control.Session, code l2tp.CDNCode, text string, out *Output) {
	out.effect(Note{Kind: CallRefused, Level: Warning, Message: "session request of peer refused", Reason: text})
	s.Close(now, result(code, text), &out.control)
}

func result(code l2tp.CDNCode, text string) l2tp.Result {
	return l2tp.Result{Code: uint16(code), HasError: true, Message: []byte(text)}
}

func (p *Pair) random32() uint32 {
	var b [4]byte
	p.cfg.Control.Rand(b[:])
	return binary.BigEndian.Uint32(b[:])
}
