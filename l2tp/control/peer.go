package control

import (
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Bounds of what a peer may make us hold.
const (
	maxIncoming = 4 // its connections that are half open
	maxClosing  = 8 // connections that linger for their last acknowledgement

	maxConnections = 1 + 1 + maxIncoming + maxClosing
)

// Peer is everything between us and one remote LCCE. It keeps one control connection once started:
// it initiates as its role says, answers the peer's own attempts, and tries again with back-off.
type Peer struct {
	cfg       Config
	ring      *keyring
	wanted    bool
	stoppedAt time.Time // when Stop was called; zero: not since the Peer was made

	current  *Connection   // established
	attempt  *Connection   // ours, in wait-ctl-reply
	incoming []*Connection // the peer's, in wait-ctl-conn; there may be one beside current when the peer has restarted
	closing  []*Connection // stopping and stopped

	why      Reason // why the last connection or attempt ended
	failures int    // attempts in a row that led to no lasting connection
	retryAt  time.Time

	admission   bucket
	refusedAuth time.Time // the last SCCRQ whose digest was wrong
	drops       Drops
	serial      uint32

	in, out l2tp.Message // being read, being made
	scratch []byte       // out, encoded
	random  [8]byte      // being drawn
}

// NewPeer makes a Peer that does nothing until Start.
func NewPeer(cfg Config) *Peer {
	cfg.normalize()
	p := &Peer{cfg: cfg, ring: newKeyring(&cfg)}
	p.serial = p.random32()
	return p
}

// Status is what a Peer tells of itself.
type Status struct {
	Connection  *Connection // the one that matters most; nil if there is none
	Why         Reason      // why the last one ended; meaningful while none is established
	Ended       bool        // whether one has ended at all
	RetryAt     time.Time   // when the next attempt starts; zero: none is planned
	Failures    int         // attempts in a row that led to nothing
	RefusedAuth time.Time   // when the peer last sent an SCCRQ with a wrong digest; zero: never
	Drops       Drops
}

// Status returns the present status.
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

// Established returns the connection that sessions may be opened on, or nil.
func (p *Peer) Established() *Connection { return p.current }

// Start makes the peer wanted: it is called, unless our role is Passive, and its calls are
// answered.
func (p *Peer) Start(now time.Time, out *Output) {
	p.wanted = true
	p.failures = 0
	p.retryAt = now
	p.Advance(now, out)
}

// Stop ends all connections with a StopCCN of that result. Done tells when the peer has
// acknowledged it.
func (p *Peer) Stop(now time.Time, result l2tp.Result, out *Output) {
	p.wanted = false
	p.stoppedAt = now
	p.retryAt = time.Time{}
	why := Reason{Cause: CauseClosed, Result: result, Text: result.Text(l2tp.StopCCN)}
	for _, c := range p.live() {
		c.end(now, result, why, out)
	}
}

// Done reports whether nothing is left to be sent or acknowledged of what Stop has ended. A
// connection that was ended before, such as one whose peer has restarted and will never acknowledge
// it, has had its time; and a peer that has not answered our call is not waited for.
func (p *Peer) Done() bool {
	return len(p.live()) == 0 && !slices.ContainsFunc(p.closing, func(c *Connection) bool {
		return c.State == Stopping && c.PeerID != 0 && !c.Since.Before(p.stoppedAt)
	})
}

// RetryNow makes the next attempt start at once, if one is waiting for its time, and one under way ask
// again: something says that it may succeed now.
func (p *Peer) RetryNow(now time.Time, out *Output) {
	if p.attempt != nil {
		p.attempt.resendNow(now, out)
	}
	if !p.retryAt.IsZero() {
		p.retryAt = now
		p.Advance(now, out)
	}
}

// Receive takes a control message from the peer's address, as a UDP payload.
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

// admit takes a message to no connection: an SCCRQ, or a StopCCN from a peer that has not heard our
// ID yet. An SCCRQ of version 2 may be an L2TPv3 peer's that offers both (RFC 3931 section 4.7.3);
// it is answered in version 3. What would cost the check of a digest is limited in its rate
// (section 4.3), since anybody can send it in the peer's name.
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

// handleSCCRQ answers a new, authentic SCCRQ, or refuses it. It may break a tie with our own (RFC
// 3931 section 5.4.3). One that comes while a connection is established may be a replay: the
// connection stays until an SCCCN proves that it is not.
func (p *Peer) handleSCCRQ(now time.Time, m *l2tp.Message, problem error, out *Output) {
	result, ok := p.acceptable(m, checkRequired(m, problem))
	if p.attempt != nil {
		switch breakTie(p.attempt.tieBreaker, tieBreakerOf(m)) {
		case tieWon:
			if ok {
				p.refuse(m, stopError(l2tp.StopAlreadyExists, "both sides called at once, and this side's tie breaker is lower"), out)
				p.attempt.resendNow(now, out)
				return
			}
		case tieEqual:
			p.attempt.discard(now, "both sides called at once, with equal tie breakers", out)
			return
		case tieYielded:
			if ok {
				p.attempt = nil // without a word to the owner: there is another attempt in its place
			} else {
				p.attempt.discard(now, "both sides called at once, and the peer's call had to be refused", out)
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

// acceptable says whether an authentic SCCRQ or SCCRP, with the problem found in it, is one that we
// go on with, or the result of the StopCCN.
func (p *Peer) acceptable(m *l2tp.Message, problem error) (l2tp.Result, bool) {
	switch {
	case problem != nil:
		return resultFor(problem), false
	case !p.wanted:
		return l2tp.Result{Code: uint16(l2tp.StopShuttingDown)}, false
	case !p.ring.hasSecret && m.Has.Has(l2tp.AVPNonce):
		return stopError(l2tp.StopNotAuthorized,
			"control message authentication is asked for, and no secret is configured here"), false
	case p.ring.hasSecret && !m.Has.Has(l2tp.AVPNonce):
		return resultFor(&missingError{m.Type, l2tp.AVPNonce}), false
	case !m.Pseudowires.Has(l2tp.PseudowirePPP):
		return stopError(l2tp.StopGeneralError, "no PPP (7) in the Pseudowire Capabilities List"), false
	}
	return l2tp.Result{}, true
}

// refuse answers an SCCRQ with a StopCCN without keeping any state.
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

// established makes c the connection. One that was there before belongs to a peer that has
// restarted.
func (p *Peer) established(now time.Time, c *Connection, out *Output) {
	old := p.current
	p.current, p.attempt, p.incoming = c, nil, nil
	p.retryAt = time.Time{}
	if old != nil {
		result := stopError(l2tp.StopGeneral, "replaced by a newer control connection")
		old.end(now, result, Reason{Cause: CauseReplaced, Result: result, Text: "the peer has made a new control connection"}, out)
	}
	out.event(ConnectionUp{c})
}

// ended takes note that c is over, for good or but for its last acknowledgement.
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

// Advance acts on the timers that are due.
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

// Deadline is when Advance is needed next; zero: never.
func (p *Peer) Deadline() time.Time {
	d := p.retryAt
	var room [maxConnections]*Connection
	for _, c := range p.appendAll(room[:0]) {
		d = timing.Earliest(d, c.nextDeadline())
	}
	return d
}

// live returns the connections that are not over.
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

// connection returns the connection that we have given that ID, or nil.
func (p *Peer) connection(id uint32) *Connection {
	return p.find(func(c *Connection) bool { return c.ID == id })
}

// reverseLookup returns the connection to which the peer has given the ID that its StopCCN assigns (RFC
// 3931 section 5.4.3), or nil. With an established one the peer knows our ID, and uses it.
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
