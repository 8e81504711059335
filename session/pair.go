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

// PairConfig is what a Pair is made with.
type PairConfig struct {
	Peer          string         // the peer's name here
	Address       netip.AddrPort // the peer's
	Encapsulation dataplane.Encapsulation
	Control       control.Config
	Links         []LinkConfig

	// Static is the tunnel to a peer without signalling, which the links' Static sessions are in;
	// nil: there are control messages.
	Static *StaticTunnel

	// Protected says that IPsec protects the control connection, and so its sessions. Elsewhere are
	// the VPNs whose links to this peer are on its other control connection, which is of the other
	// class: calls for them are refused here.
	Protected bool
	Elsewhere []endid.VPNID

	// Retry is the back-off of links whose attempt has failed while the control connection is up.
	Retry timing.Backoff

	// Grace is how long the side that has not made the control connection leaves it to the other to
	// ask for sessions, from when it is there and from each that the other asks for. Then it asks
	// itself. It spares most links a tie.
	Grace time.Duration
}

// Pair is everything towards one peer that has the same protection.
type Pair struct {
	cfg     PairConfig
	control *control.Peer
	links   map[endid.VPNID]*Link
	order   []*Link // as configured

	bySession map[*control.Session]*Link
	byAttempt map[Attempt]*Link
	attempts  Attempt
	waiting   deadlines
	calls     calls
	pathMTU   int
	stopping  bool
	astray    map[endid.VPNID]time.Time // when the peer last called here for a VPN of the other class; zero: never
	unknown   map[endid.VPNID]Calls     // for what has no link here
	rtts      ppp.RTTs                  // of the echoes of attempts that are over
	told      string                    // why there is no control connection, as the log was last told; empty while there is one
}

// NewPair makes a Pair that does nothing until Start.
func NewPair(cfg PairConfig) *Pair {
	cfg.Control.Protected = cfg.Protected
	p := &Pair{
		cfg:       cfg,
		control:   control.NewPeer(cfg.Control),
		links:     make(map[endid.VPNID]*Link, len(cfg.Links)),
		bySession: make(map[*control.Session]*Link),
		byAttempt: make(map[Attempt]*Link),
		astray:    make(map[endid.VPNID]time.Time),
		unknown:   make(map[endid.VPNID]Calls),
		pathMTU:   defaultPathMTU,
	}
	for _, id := range cfg.Elsewhere {
		p.astray[id] = time.Time{}
	}
	for _, lc := range cfg.Links {
		p.newLink(lc)
	}
	p.cfg.Links = nil // each link has its own
	return p
}

// defaultPathMTU is taken until the path's own is known.
const defaultPathMTU = 1500

// Start begins to bring everything up.
func (p *Pair) Start(now time.Time, out *Output) {
	for _, l := range p.order {
		l.since = now
	}
	if p.isStatic() {
		p.beginAll(now)
	} else {
		p.control.Start(now, &out.control)
	}
	p.drain(now, out)
}

// Stop takes everything down, as the daemon ends: a CDN for each session, a StopCCN for the
// connection. Done tells when the peer has acknowledged them.
func (p *Pair) Stop(now time.Time, out *Output) {
	p.stop(now, "shutting down", l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, out)
}

// Leave is Stop for another reason, while the daemon goes on.
func (p *Pair) Leave(now time.Time, why string, out *Output) {
	p.stop(now, why, l2tp.Result{Code: uint16(l2tp.StopGeneral), HasError: true, Message: []byte(why)}, out)
}

func (p *Pair) stop(now time.Time, why string, result l2tp.Result, out *Output) {
	p.stopping = true
	for _, l := range p.order {
		l.end(now, why, out)
	}
	p.control.Stop(now, result, &out.control)
	p.drain(now, out)
}

// Done reports whether nothing is left to be sent or acknowledged.
func (p *Pair) Done() bool { return p.control.Done() }

// Receive takes a control message from the peer's address. A static peer has none to send.
func (p *Pair) Receive(now time.Time, message []byte, out *Output) {
	if p.isStatic() {
		return
	}
	p.control.Receive(now, message, &out.control)
	p.drain(now, out)
}

// PeerConnectionID is what the peer has assigned to the established control connection; 0: there is
// none.
func (p *Pair) PeerConnectionID() uint32 {
	if c := p.control.Established(); c != nil {
		return c.PeerID
	}
	return 0
}

// connectionOf are the IDs of a session's control connection, or static tunnel: ours and the
// peer's.
func (p *Pair) connectionOf(s *control.Session) (id, peerID uint32) {
	if p.isStatic() {
		return p.cfg.Static.LocalID, p.cfg.Static.PeerID
	}
	return s.Connection.ID, s.Connection.PeerID
}

// Hurry makes an attempt that waits for its time start now.
func (p *Pair) Hurry(now time.Time, out *Output) {
	if p.isStatic() {
		p.beginAll(now)
	} else {
		p.control.RetryNow(now, &out.control)
	}
	p.drain(now, out)
}

// Heard tells when the last data message came from the peer.
func (p *Pair) Heard(at time.Time) {
	if c := p.control.Established(); c != nil {
		c.DataReceived(at)
	}
}

// SetPathMTU tells the largest IP packet in octets that reaches the peer unfragmented.
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

// Created says that the data plane's session of an attempt is there.
func (p *Pair) Created(now time.Time, a Attempt, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.created(now, out) })
}

// Configured says that the last Configure of an attempt was carried out.
func (p *Pair) Configured(now time.Time, a Attempt, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.configured(now, out) })
}

// Failed says that what an attempt has asked for cannot be had, or has vanished.
func (p *Pair) Failed(now time.Time, a Attempt, err error, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.failed(now, err.Error(), out) })
}

// RouterGone says that a virtual router has vanished, with what was in it.
func (p *Pair) RouterGone(now time.Time, router vr.Spec, reason string, out *Output) {
	for _, l := range p.order {
		if l.VR == router && l.attempt != 0 {
			l.failed(now, reason, out)
		}
	}
	p.drain(now, out)
}

// Frame takes a PPP frame that has arrived on the data plane's session of an attempt.
func (p *Pair) Frame(now time.Time, a Attempt, frame []byte, out *Output) {
	p.withAttempt(now, a, out, func(l *Link) { l.frame(now, frame, out) })
}

// withAttempt does f with the link whose attempt it is; nothing, if that is over.
func (p *Pair) withAttempt(now time.Time, a Attempt, out *Output, f func(*Link)) {
	if l := p.byAttempt[a]; l != nil {
		f(l)
		p.drain(now, out)
	}
}

// Due yields the links that Advance is about to act on.
func (p *Pair) Due(now time.Time) iter.Seq[*Link] { return p.waiting.due(now) }

// HeardOn says when the last data message came on the data plane's session of an attempt. To PPP's
// keepalive it is a sign of life. Tell it before Advance.
func (p *Pair) HeardOn(a Attempt, at time.Time) {
	if l := p.byAttempt[a]; l != nil && l.ppp != nil {
		l.ppp.DataReceived(at)
	}
}

// Advance acts on the timers that are due.
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

// Deadline is when Advance is needed next; zero: never.
func (p *Pair) Deadline() time.Time {
	return timing.Earliest(p.control.Deadline(), p.waiting.next())
}

// drain acts on the events of the control machine until there are no more; acting on one may cause
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
	p.ask(now, out)
}

func (p *Pair) connectionUp(now time.Time, c *control.Connection, out *Output) {
	p.told = ""
	out.effect(Note{Kind: ConnectionUp, Message: "control connection established"})
	p.leaveToPeer(now, c)
	for _, l := range p.order {
		if l.session == nil {
			l.failures = 0
			if l.layer == LayerConnection {
				l.note(0, "") // it is there again
			}
			l.begin(now)
		}
	}
}

// leaveToPeer gives the side that has made the control connection the time to ask for sessions
// first.
func (p *Pair) leaveToPeer(now time.Time, c *control.Connection) {
	p.calls.notBefore = now
	if !c.Initiator {
		p.calls.notBefore = now.Add(timing.Backoff{Min: p.cfg.Grace, Max: p.cfg.Grace}.Delay(0, p.random32()))
	}
}

func (p *Pair) connectionDown(now time.Time, why control.Reason, out *Output) {
	p.noteDown(why, out)
	for _, l := range p.order {
		l.noConnection()
	}
	if why.Cause == control.CauseSilent {
		out.effect(Repath{})
	}
}

// noteDown tells the log why there is no control connection, but not of attempts that fail like the
// last.
func (p *Pair) noteDown(why control.Reason, out *Output) {
	if p.stopping {
		out.effect(Note{Kind: ConnectionDown, Message: "control connection closed"})
		return
	}
	if p.told == why.Text {
		return
	}
	p.told = why.Text
	n := Note{Kind: ConnectionFailed, Level: Warning, Message: "no control connection", Reason: why.Text}
	if why.Cause == control.CauseReplaced {
		n.Kind = PeerRestarted
	}
	if why.Cause == control.CauseRefused && l2tp.StopCCNCode(why.Result.Code) == l2tp.StopAlreadyExists {
		n.Level = Info // both have called at once: the peer's call is taken
	}
	out.effect(n)
}

// incoming finds the link that a call of the peer is for.
func (p *Pair) incoming(now time.Time, s *control.Session, out *Output) {
	id, err := endid.FromOctets(s.RemoteEndID)
	l := p.links[id]
	_, astray := p.astray[id]
	switch {
	case err != nil:
		p.refuse(now, s, l2tp.CDNPermanentFacilities, fmt.Sprintf("the Remote End ID is no VPN-ID: %v", err), out)
	case astray:
		p.astray[id] = now
		p.refuse(now, s, l2tp.CDNPermanentFacilities, fmt.Sprintf("VPN %s %s", id, p.wrongClass()), out)
	case l == nil:
		p.noteUnknown(now, id)
		p.refuse(now, s, l2tp.CDNPermanentFacilities, fmt.Sprintf("no VPN %s here for %s", id, p.peerName(s)), out)
	case l.Disabled:
		p.refuse(now, s, l2tp.CDNAdministrative, fmt.Sprintf("VPN %s is %s here", id, disabledText), out)
	case l.session != nil:
		p.refuse(now, s, l2tp.CDNTemporaryFacilities, fmt.Sprintf("VPN %s has a session already", id), out)
	default:
		p.leaveToPeer(now, s.Connection)
		l.answer(now, s, out)
	}
}

// wrongClass says why a link of the other class is not taken.
func (p *Pair) wrongClass() string {
	if p.cfg.Protected {
		return "is to be in clear here, and this connection is protected"
	}
	return "is to be protected here, and this connection is clear"
}

// peerName is how the peer calls itself: its operator is to recognise it.
func (p *Pair) peerName(s *control.Session) string {
	if name := s.Connection.HostName; name != "" {
		return fmt.Sprintf("%q", name)
	}
	return p.cfg.Peer
}

func (p *Pair) refuse(now time.Time, s *control.Session, code l2tp.CDNCode, text string, out *Output) {
	out.effect(Note{Kind: CallRefused, Level: Warning, Message: "call of the peer refused", Reason: text})
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
