package control

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Bounds of the state that a peer can create here.
const (
	maxIncoming = 4 // half-open connections initiated by the peer
	maxClosing  = 8 // ended connections that still send or await acknowledgements

	maxConnections = 1 + 1 + maxIncoming + maxClosing
)

// Peer manages the control connections with one remote LCCE. Once started it maintains one
// established control connection: unless its role is Passive it initiates, and retries with
// back-off; it answers the peer's requests in every role.
type Peer struct {
	cfg       Config
	ring      *keyring
	wanted    bool      // started and not stopped
	stoppedAt time.Time // when Stop was last called; zero: never

	current  *Connection   // established
	attempt  *Connection   // initiated by us, in wait-ctl-reply
	incoming []*Connection // initiated by the peer, in wait-ctl-conn; also beside current
	closing  []*Connection // in Stopping or Stopped

	why      Reason // why the last connection or attempt ended
	failures int    // consecutive attempts without a lasting connection
	retryAt  time.Time

	admission   bucket
	refusedAuth time.Time // when the last SCCRQ with a wrong digest was received
	drops       Drops
	serial      uint32

	in, out l2tp.Message // the message being decoded, and the one being built
	scratch []byte       // the encoding of out
	random  [8]byte      // buffer for random values
}

// NewPeer returns a Peer that initiates nothing and refuses connections until Start.
func NewPeer(cfg Config) *Peer {
	cfg.normalize()
	p := &Peer{cfg: cfg, ring: newKeyring(&cfg)}
	p.serial = p.random32()
	return p
}

// Status is a snapshot of a Peer.
type Status struct {
	Connection  *Connection // established; else our attempt, else the peer's newest; nil: none
	Why         Reason      // why the last connection or attempt ended, if Ended
	Ended       bool        // a connection or attempt has ended since NewPeer
	RetryAt     time.Time   // when the next attempt starts; zero: no attempt is planned
	Failures    int         // consecutive attempts without a lasting connection
	RefusedAuth time.Time   // when an SCCRQ with a wrong digest was last received; zero: never
	Drops       Drops
}

// Status returns the current status.
func (p *Peer) Status() Status {
	s := Status{
		Connection: p.current, Why: p.why, Ended: p.why.Text != "", RetryAt: p.retryAt, Failures: p.failures,
		RefusedAuth: p.refusedAuth, Drops: p.drops,
	}
	if s.Connection == nil {
		s.Connection = p.attempt
	}
	if s.Connection == nil && len(p.incoming) > 0 {
		s.Connection = p.incoming[len(p.incoming)-1]
	}
	return s
}

// Established returns the established connection, on which sessions can be opened, or nil.
func (p *Peer) Established() *Connection { return p.current }

// Start begins to maintain a connection: it initiates one unless the role is Passive, and accepts
// the peer's requests from now on.
func (p *Peer) Start(now time.Time, out *Output) {
	p.wanted = true
	p.failures = 0
	p.retryAt = now
	p.Advance(now, out)
}

// Stop ends all connections with a StopCCN that carries result, and refuses the peer's requests
// until Start. Done reports when the peer has acknowledged the StopCCN.
func (p *Peer) Stop(now time.Time, result l2tp.Result, out *Output) {
	p.wanted = false
	p.stoppedAt = now
	p.retryAt = time.Time{}
	why := Reason{Cause: CauseClosed, Result: result, Text: result.Text(l2tp.StopCCN)}
	for _, c := range p.live() {
		c.end(now, result, why, out)
	}
}

// Done reports whether the peer has acknowledged the StopCCNs of Stop, or the wait for that is
// over. It does not wait for connections that ended before Stop: the peer may have restarted and
// never acknowledge their end. It does not wait for a peer that has not answered our SCCRQ either.
func (p *Peer) Done() bool {
	return len(p.live()) == 0 && !slices.ContainsFunc(p.closing, func(c *Connection) bool {
		return c.State == Stopping && c.PeerID != 0 && !c.Since.Before(p.stoppedAt)
	})
}

// RetryNow starts a planned attempt at once, and retransmits the SCCRQ of a current attempt. The
// owner calls it when there is reason to expect that an attempt succeeds now.
func (p *Peer) RetryNow(now time.Time, out *Output) {
	if p.attempt != nil {
		p.attempt.resendNow(now, out)
	}
	if !p.retryAt.IsZero() {
		p.retryAt = now
		p.Advance(now, out)
	}
}

// Receive handles a control message from the peer's address, in the form of a UDP payload. It does
// not keep the datagram.
func (p *Peer) Receive(now time.Time, datagram []byte, out *Output) {
	h, _, err := l2tp.ParseHeader(datagram)
	switch {
	case err == l2tp.ErrVersion2, err == nil && h.ConnectionID == 0:
		p.admit(now, datagram, out)
	case err != nil:
		p.drop(DropMalformed)
	default:
		if c := p.connection(h.ConnectionID); c != nil {
			c.receive(now, datagram, out)
		} else {
			p.drop(DropUnknownConnection)
		}
	}
}

// admit handles a message with control connection ID 0: an SCCRQ, or a StopCCN from a peer that
// does not know our ID yet. An SCCRQ of version 2 may come from an L2TPv3 peer that offers both
// versions (RFC 3931, section 4.7.3); it is answered in version 3. Config.Admission limits the rate
// of messages whose digest must be verified (section 4.3), because any host can send them with the
// peer's address.
func (p *Peer) admit(now time.Time, datagram []byte, out *Output) {
	m := &p.in
	problem := p.ring.parse(m, datagram)
	stranger := auth{keyring: p.ring}
	var stopped *Connection
	if m.Type == l2tp.StopCCN {
		stopped = p.reverseLookup(m)
	}
	switch {
	case problem == l2tp.ErrVersion2:
		p.drop(DropVersion)
	case stopped == nil && (m.Type != l2tp.SCCRQ || m.Ns != 0):
		p.drop(DropUnexpected)
	case !p.admission.take(now, p.cfg.Admission):
		p.drop(DropRate)
	case stopped != nil:
		stopped.receive(now, datagram, out)
	case !stranger.verify(datagram, m, false):
		p.refusedAuth = now
		p.drop(DropUnauthenticated)
	case p.attempt != nil && p.attempt.hasSent(m):
		p.drop(DropReflected)
	default:
		if c := p.find(func(c *Connection) bool { return c.hasAnswered(m) }); c != nil {
			c.acknowledgeAgain(now, out)
		} else {
			p.handleSCCRQ(now, m, problem, out)
		}
	}
}

// handleSCCRQ answers or refuses a new, authentic SCCRQ. If it ties with our own SCCRQ, the tie
// breakers decide (RFC 3931, section 5.4.3). An SCCRQ received while a connection is established
// may be a replay: the established connection stays until an SCCCN proves otherwise.
func (p *Peer) handleSCCRQ(now time.Time, m *l2tp.Message, problem error, out *Output) {
	result, ok := p.acceptable(m, checkRequired(m, problem))
	if p.attempt != nil {
		switch breakTie(p.attempt.tieBreaker, tieBreakerOf(m)) {
		case tieWon:
			if ok {
				p.refuse(m, stopError(l2tp.StopAlreadyExists, "both ends requested a control connection at the same time; this end has the lower tie breaker"), out)
				p.attempt.resendNow(now, out)
				return
			}
		case tieEqual:
			p.attempt.discard(now, "both ends requested a control connection at the same time, with equal tie breakers", out)
			return
		case tieYielded:
			if ok {
				p.attempt = nil // no event: the peer's attempt takes its place
			} else {
				p.attempt.discard(now, "both ends requested a control connection at the same time; the peer's request won the tie, but was refused", out)
			}
		}
	}
	if !ok {
		p.refuse(m, result, out)
		return
	}
	p.retryAt = time.Time{}
	if len(p.incoming) == maxIncoming {
		p.incoming = slices.Delete(p.incoming, 0, 1)
	}
	c := newConnection(now, p)
	p.incoming = append(p.incoming, c)
	c.answer(now, m, out)
}

// acceptable reports whether setup can continue after an authentic SCCRQ or SCCRP; problem is the
// decoder's error. If not, it returns the result for a StopCCN.
func (p *Peer) acceptable(m *l2tp.Message, problem error) (l2tp.Result, bool) {
	switch {
	case problem != nil:
		return resultFor(problem), false
	case !p.wanted:
		return l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, false
	case !p.ring.hasSecret && m.Has.Has(l2tp.AVPNonce):
		return stopError(l2tp.StopNotAuthorized,
			"control message authentication requested, but no secret configured at this end"), false
	case p.ring.hasSecret && !m.Has.Has(l2tp.AVPNonce):
		return resultFor(&missingError{m.Type, l2tp.AVPNonce}), false
	case !m.Pseudowires.Has(l2tp.PseudowirePPP):
		return stopError(l2tp.StopGeneralError, "PPP (7) missing from the Pseudowire Capabilities List"), false
	}
	return l2tp.Result{}, true
}

// refuse answers an SCCRQ with a StopCCN and keeps no state.
func (p *Peer) refuse(m *l2tp.Message, result l2tp.Result, out *Output) {
	stop := &p.out
	*stop = l2tp.Message{Type: l2tp.StopCCN}
	stop.ConnectionID, stop.Nr = m.AssignedConnectionID, m.Ns+1
	stop.AssignedConnectionID = p.newConnectionID()
	stop.Has.Add(l2tp.AVPAssignedConnectionID)
	setResult(stop, result)
	a := auth{keyring: p.ring}
	a.reserveDigests(stop)
	p.scratch = encode(p.scratch[:0], stop)
	a.sign(p.scratch)
	out.send(p.scratch)
}

// established makes c the current connection. It ends the previous one, if any, because a new
// connection means that the peer has restarted.
func (p *Peer) established(now time.Time, c *Connection, out *Output) {
	old := p.current
	p.current, p.attempt, p.incoming = c, nil, nil
	p.retryAt = time.Time{}
	if old != nil {
		result := stopError(l2tp.StopGeneral, "replaced by a newer control connection")
		old.end(now, result, Reason{Cause: CauseReplaced, Result: result, Text: "the peer established a new control connection"}, out)
	}
	out.event(ConnectionUp{c})
}

// ended removes c, or moves it to closing if it still sends or awaits acknowledgements. If c was
// the current connection, or no other is left, ended emits ConnectionDown; if no other is left it
// also plans the next attempt.
func (p *Peer) ended(now time.Time, c *Connection, why Reason, out *Output) {
	wasCurrent := p.current == c
	p.remove(c)
	if c.State == Stopping || c.State == Stopped {
		if len(p.closing) == maxClosing {
			p.closing = slices.Delete(p.closing, 0, 1)
		}
		p.closing = append(p.closing, c)
	}
	alone := len(p.live()) == 0
	if !alone && !wasCurrent {
		return
	}
	p.why = why
	if wasCurrent && now.Sub(c.upSince) >= p.cfg.Retry.Max {
		p.failures = 0
	}
	if alone && p.wanted && p.cfg.Role != Passive {
		p.retryAt = now.Add(p.cfg.Retry.Delay(p.failures, p.random32()))
	}
	p.failures++
	out.event(ConnectionDown{why})
}

// Advance handles expired timers. The owner calls it at Deadline.
func (p *Peer) Advance(now time.Time, out *Output) {
	var room [maxConnections]*Connection
	for _, c := range p.appendAll(room[:0]) {
		if timing.Due(c.nextDeadline(), now) {
			c.advance(now, out)
		}
	}
	if timing.Due(p.retryAt, now) {
		p.retryAt = time.Time{}
		if p.wanted && p.cfg.Role != Passive && len(p.live()) == 0 {
			p.attempt = newConnection(now, p)
			p.attempt.initiate(now, out)
		}
	}
}

// Deadline returns the time at which Advance must be called next; zero: never.
func (p *Peer) Deadline() time.Time {
	d := p.retryAt
	var room [maxConnections]*Connection
	for _, c := range p.appendAll(room[:0]) {
		d = timing.Earliest(d, c.nextDeadline())
	}
	return d
}

// live returns the connections that have not ended.
func (p *Peer) live() []*Connection { return p.appendLive(nil) }

func (p *Peer) appendLive(to []*Connection) []*Connection {
	if p.current != nil {
		to = append(to, p.current)
	}
	if p.attempt != nil {
		to = append(to, p.attempt)
	}
	return append(to, p.incoming...)
}

// appendAll appends all connections, maxConnections at most.
func (p *Peer) appendAll(to []*Connection) []*Connection {
	return append(p.appendLive(to), p.closing...)
}

// connection returns the connection with that local ID, or nil.
func (p *Peer) connection(id uint32) *Connection {
	return p.find(func(c *Connection) bool { return c.ID == id })
}

// reverseLookup returns the half-open connection whose peer ID is the Assigned Control Connection
// ID of a StopCCN (RFC 3931, section 5.4.3), or nil. On an established connection the peer knows
// our ID and must use it.
func (p *Peer) reverseLookup(m *l2tp.Message) *Connection {
	return p.find(func(c *Connection) bool {
		return !c.Initiator && c.State != Established && c.PeerID == m.AssignedConnectionID
	})
}

func (p *Peer) find(is func(*Connection) bool) *Connection {
	switch {
	case p.current != nil && is(p.current):
		return p.current
	case p.attempt != nil && is(p.attempt):
		return p.attempt
	}
	for _, group := range [][]*Connection{p.incoming, p.closing} {
		if i := slices.IndexFunc(group, is); i >= 0 {
			return group[i]
		}
	}
	return nil
}

func (p *Peer) newConnectionID() uint32 {
	return p.randomID(func(id uint32) bool { return p.connection(id) != nil })
}

func (p *Peer) hasSession(id uint32) bool {
	return p.find(func(c *Connection) bool { return c.sessions[id] != nil }) != nil
}

func (p *Peer) remove(c *Connection) {
	if p.current == c {
		p.current = nil
	}
	if p.attempt == c {
		p.attempt = nil
	}
	other := func(x *Connection) bool { return x == c }
	p.incoming = slices.DeleteFunc(p.incoming, other)
	p.closing = slices.DeleteFunc(p.closing, other)
}

func (p *Peer) drop(d Drop) { p.drops[d]++ }
