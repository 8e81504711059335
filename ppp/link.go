package ppp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// Link is our end of one PPP link. Create it with New.
type Link struct {
	cfg      Config
	lcp      machine
	options  lcp   // LCP's options
	auth     *auth // nil without Config.Auth
	networks []ncp
	echo     echo

	rejects     rejectLimit
	codeRejects uint16 // one bit for each code above 7 that the peer rejected
	rejected    uint64 // frames that we answered with a Protocol-Reject

	identification string
	remaining      TimeRemaining
	discards       [NumDiscards]uint64
}

// ncp is the control protocol of one network protocol.
type ncp struct {
	machine
	network  network
	reported bool // the last event was that the protocol is closed
}

// network is the negotiator of a network control protocol, which creates its events.
type network interface {
	negotiator
	opened() Event
	closed(reason string) Event
}

// New returns a Link whose lower layer is down and which is administratively open. It does not
// check cfg: call Config.Validate before.
func New(cfg Config) *Link {
	l := &Link{cfg: cfg.withDefaults()}
	l.options = lcp{cfg: &l.cfg, peerMRU: defaultMRU}
	l.lcp = l.machine(ProtocolLCP, &l.options)
	l.lcp.state = Starting
	if cfg.Auth != nil {
		l.auth = new(auth)
	}
	l.networks = make([]ncp, 0, 2)
	if cfg.IPv4 != nil {
		l.addNetwork(ProtocolIPCP, &ipcp{cfg: cfg.IPv4})
	}
	if cfg.IPv6 != nil {
		l.addNetwork(ProtocolIPV6CP, newIPV6CP(cfg.IPv6, l.cfg.Rand))
	}
	return l
}

func (l *Link) machine(p Protocol, options negotiator) machine {
	return machine{
		protocol: p, options: options, cfg: &l.cfg, peerMRU: &l.options.peerMRU,
		initial: l.cfg.RestartInitial,
	}
}

func (l *Link) addNetwork(p Protocol, n network) {
	l.networks = append(l.networks, ncp{machine: l.machine(p, n), network: n})
}

// Up reports that the lower layer is up.
func (l *Link) Up(now time.Time, out *Output) {
	l.identification, l.remaining = "", TimeRemaining{}
	l.lcpEvent(now, evUp, packet{}, "", out)
}

// DataReceived reports that a data frame, which was not passed to Receive, was received at that
// time. For the keepalive it counts like any other received frame.
func (l *Link) DataReceived(at time.Time) {
	if at.After(l.echo.mark) {
		l.echo.otherReceived = true
	}
}

// Down reports that the lower layer is down.
func (l *Link) Down(now time.Time, out *Output) {
	l.lcpEvent(now, evDown, packet{}, "the lower layer went down", out)
}

// Open allows the link to be established. A new Link is open; Open is needed after Close. A link
// that is up or has terminated is renegotiated (the restart option of RFC 1661, section 4.3, Open).
func (l *Link) Open(now time.Time, out *Output) {
	l.lcpEvent(now, evOpen, packet{}, "", out)
	switch l.lcp.state {
	case Stopped, Stopping, Opened:
		l.lcpEvent(now, evDown, packet{}, "restarted by the administrator", out)
		l.lcpEvent(now, evUp, packet{}, "", out)
	}
}

// Close terminates the link; only Open can open it again. The reason is sent to the peer in a
// Terminate-Request. LinkFailed follows when the peer has acknowledged it or has not answered,
// unless the link had already finished.
func (l *Link) Close(now time.Time, reason string, out *Output) {
	l.lcpEvent(now, evClose, packet{}, cmp.Or(reason, "closed by the administrator"), out)
}

// Advance handles all timers that have expired.
func (l *Link) Advance(now time.Time, out *Output) {
	if timing.Due(l.lcp.timer, now) {
		l.lcpLayer(now, l.lcp.timeout(now, out), packet{}, out)
	}
	for i := range l.networks {
		if n := &l.networks[i]; timing.Due(n.timer, now) {
			n.layer(n.timeout(now, out), out)
		}
	}
	if l.auth != nil {
		l.advanceAuth(now, out)
	}
	if timing.Due(l.echo.due, now) {
		l.advanceEcho(now, out)
	}
}

// Deadline returns when Advance must be called next, or the zero time if no timer runs.
func (l *Link) Deadline() time.Time {
	deadline := timing.Earliest(l.lcp.timer, l.echo.due)
	if l.auth != nil {
		deadline = timing.Earliest(deadline, l.auth.deadline())
	}
	for i := range l.networks {
		deadline = timing.Earliest(deadline, l.networks[i].timer)
	}
	return deadline
}

// Receive handles one received PPP frame, without FCS. It starts with the Protocol field, which may
// be compressed; the Address and Control fields FF 03 may precede it. Receive does not keep or
// change the frame.
func (l *Link) Receive(now time.Time, frame []byte, out *Output) {
	d := l.receive(now, frame, out)
	if d != accepted {
		l.discards[d]++
	}
	if d != DiscardBadMagic { // it may be our own frame, looped back
		l.echo.received()
	}
}

func (l *Link) receive(now time.Time, frame []byte, out *Output) Discard {
	if l.lcp.state <= Starting {
		return DiscardLowerDown
	}
	protocol, info, ok := splitFrame(frame)
	if !ok {
		return DiscardBadLength
	}
	if protocol == ProtocolLCP {
		in, ok := parsePacket(info)
		if !ok {
			return DiscardBadLength
		}
		return l.receiveLCP(now, in, out)
	}
	if l.lcp.state != Opened {
		return DiscardWrongPhase
	}
	if l.auth.runs(protocol) {
		in, ok := parsePacket(info)
		if !ok {
			return DiscardBadLength
		}
		return l.receiveAuth(now, protocol, in, out)
	}
	if !l.auth.done() {
		return DiscardWrongPhase
	}
	n := l.networkOf(protocol)
	switch {
	case n == nil:
		return l.rejectProtocol(now, protocol, info, out)
	case n.protocol != protocol && n.state != Opened:
		return DiscardWrongPhase
	case n.protocol != protocol:
		return DiscardData
	}
	in, ok := parsePacket(info)
	if !ok {
		return DiscardBadLength
	}
	layer, d := n.receive(now, in, out)
	n.layer(layer, out)
	return d
}

// networkOf returns the network control protocol with this number, or the one that controls the
// network protocol with this number. Nil: this Link does not run the protocol.
func (l *Link) networkOf(p Protocol) *ncp {
	const controlBit = 0x8000
	for i := range l.networks {
		if n := &l.networks[i]; n.protocol == p|controlBit {
			return n
		}
	}
	return nil
}

// rejectLimit limits the Protocol-Rejects sent, so that a flood of frames of an unknown protocol
// does not cause a flood of rejects.
type rejectLimit struct {
	window time.Time // start of the current second
	sent   int       // in the current second
}

const rejectsPerSecond = 4

func (r *rejectLimit) allow(now time.Time) bool {
	if now.Sub(r.window) >= time.Second {
		*r = rejectLimit{window: now}
	}
	r.sent++
	return r.sent <= rejectsPerSecond
}

// rejectProtocol answers a frame of an unknown protocol (RFC 1661, section 5.7).
func (l *Link) rejectProtocol(now time.Time, p Protocol, info []byte, out *Output) Discard {
	if l.isCodeRejected(protocolReject) || !l.rejects.allow(now) {
		return DiscardUnsupported
	}
	l.rejected++
	out.begin(ProtocolLCP, protocolReject, l.lcp.nextID())
	out.buf = binary.BigEndian.AppendUint16(out.buf, uint16(p))
	room := int(l.options.peerMRU) - headerLen - 2
	out.buf = append(out.buf, info[:min(len(info), room)]...)
	out.end()
	return accepted
}

// lcpEvent processes an event by LCP's automaton and performs the actions.
func (l *Link) lcpEvent(now time.Time, ev event, in packet, reason string, out *Output) {
	l.lcpLayer(now, l.lcp.step(now, ev, in, reason, out), in, out)
}

// lcpLayer performs those actions of LCP's automaton that concern the whole Link.
func (l *Link) lcpLayer(now time.Time, actions cell, in packet, out *Output) {
	if actions.has(tld) {
		if l.auth != nil {
			l.lcp.reason = cmp.Or(l.auth.refused, l.lcp.reason)
			l.auth.stop()
		}
		l.echo.stop()
		for i := range l.networks {
			n := &l.networks[i]
			n.layer(n.step(now, evDown, packet{}, l.lcp.reason, out), out)
		}
		out.Events = append(out.Events, LCPClosed{l.lcp.reason})
	}
	if actions.has(tlu) {
		l.establish(now, out)
	}
	if actions.has(tlf) {
		if l.lcp.state == Stopped && l.options.unmet != "" {
			l.lcp.reason += "; " + l.options.unmet
		}
		out.Events = append(out.Events, LinkFailed{l.lcp.reason})
	}
	if actions.has(ser) && in.code == echoRequest {
		l.sendEcho(echoReply, in.id, in.data[magicLen:], out)
	}
}

// establish enters the Authentication phase.
func (l *Link) establish(now time.Time, out *Output) {
	out.Events = append(out.Events, LCPOpened{l.options.peerMRU})
	l.codeRejects = 0
	l.echo.start(now, l.cfg.EchoInterval)
	if l.auth != nil {
		l.authenticate(now, out)
	} else {
		l.startNetworks(now, out)
	}
}

// startNetworks enters the Network-Layer Protocol phase.
func (l *Link) startNetworks(now time.Time, out *Output) {
	for i := range l.networks {
		n := &l.networks[i]
		n.reported = false
		n.initial = l.lcp.interval
		n.step(now, evOpen, packet{}, "", out)
		n.step(now, evUp, packet{}, "", out)
	}
}

// layer turns the actions of a network control protocol into events. A protocol that finishes
// without having been Opened has failed, and is reported as closed, too.
func (n *ncp) layer(actions cell, out *Output) {
	switch {
	case actions.has(tlu):
		n.reported = false
		out.Events = append(out.Events, n.network.opened())
	case actions.has(tld | tlf):
		if !n.reported {
			n.reported = true
			out.Events = append(out.Events, n.network.closed(n.reason))
		}
	}
}

// failLCP terminates a link whose LCP is Opened.
func (l *Link) failLCP(now time.Time, reason string, out *Output) {
	l.lcpLayer(now, l.lcp.fail(now, reason, out), packet{}, out)
}

// applyProtocolReject ends the rejected protocol: no more packets of it are sent (RFC 1661,
// section 5.7). A reject of LCP or of an authentication protocol in use ends the link.
func (l *Link) applyProtocolReject(now time.Time, p Protocol, out *Output) {
	reason := fmt.Sprintf("the peer does not support %v (Protocol-Reject)", p)
	if p == ProtocolLCP {
		l.lcpEvent(now, evRXJMinus, packet{}, reason, out)
		return
	}
	if l.auth.runs(p) {
		l.failLCP(now, reason+", and authentication is required", out)
		return
	}
	if n := l.networkOf(p); n != nil {
		n.layer(n.step(now, evRXJMinus, packet{}, reason, out), out)
	}
	l.lcpEvent(now, evRXJPlus, packet{}, "", out)
}
