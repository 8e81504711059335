package control

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// State is a control connection state of RFC 3931, section 7.2.
type State int

// The connection states. Stopping and Stopped are the idle state of section 7.2, in which only
// reliable delivery continues (section 3.3.2).
const (
	Idle         State = iota
	WaitCtlReply       // SCCRQ sent
	WaitCtlConn        // SCCRQ received, SCCRP sent
	Established
	Stopping // StopCCN sent, not yet acknowledged
	Stopped  // StopCCN received: retransmissions are acknowledged
)

var stateNames = [...]string{"idle", "wait-ctl-reply", "wait-ctl-conn", "established", "stopping", "stopped"}

// String returns the state's name in RFC 3931.
func (s State) String() string { return stateNames[s] }

// Connection is one control connection. The owner of the Peer may read the exported fields.
type Connection struct {
	State     State
	Since     time.Time // when it entered this state
	Initiator bool      // the SCCRQ is ours

	ID, PeerID uint32 // control connection IDs: assigned by us, and by the peer (0: not yet known)

	// The values of the AVPs in the peer's SCCRQ or SCCRP.
	HostName, VendorName string
	RouterID             uint32
	PreferredLanguage    string // a language tag, or empty

	LastHeard time.Time // when the last control or data message was received

	peer       *Peer
	upSince    time.Time // when it was established
	tieBreaker uint64    // in the SCCRQ, ours or the peer's
	auth       auth
	reliable   reliable
	deadline   time.Time     // of the current state; zero in Established
	helloAfter time.Duration // time since LastHeard before the next HELLO
	helloAt    time.Time

	sessions map[uint32]*Session // by our ID
	byPeer   map[uint32]*Session // by the peer's ID
	waiting  map[string]*Session // sessions whose ICRQ is unanswered, by Remote End ID

	// The sessions not yet established, in the order of their deadlines. Settled sessions may
	// remain in it, but never as the first.
	opening []*Session
}

// Counters holds the counters of reliable delivery.
type Counters struct {
	Sent, Received, Retransmitted uint64 // messages
	PeerWindow                    int    // the peer's Receive Window Size
	Retries                       int    // of the oldest unacknowledged message
}

// Counters returns the connection's counters.
func (c *Connection) Counters() Counters {
	r := &c.reliable
	return Counters{r.sent, r.received, r.retransmitted, r.peerWindow, r.retries}
}

// DataReceived notes the time at which data was last received on a session of the connection. Like
// a control message it postpones the next HELLO (RFC 3931, section 4.4).
func (c *Connection) DataReceived(at time.Time) {
	if at.After(c.LastHeard) {
		c.LastHeard = at
		c.scheduleHello()
	}
}

func newConnection(now time.Time, p *Peer) *Connection {
	cfg := &p.cfg
	c := &Connection{
		Since:    now,
		ID:       p.newConnectionID(),
		peer:     p,
		auth:     auth{keyring: p.ring},
		reliable: newReliable(cfg.Timing, cfg.Window),
		sessions: make(map[uint32]*Session),
		byPeer:   make(map[uint32]*Session),
		waiting:  make(map[string]*Session),
	}
	c.reliable.limit = messagesPerSession * cfg.MaxSessions
	if c.auth.hasSecret {
		c.auth.local = make([]byte, nonceLen)
		cfg.Rand(c.auth.local)
	}
	return c
}

// transition sets State, Since and the timers of the new state. Nothing else writes State.
func (c *Connection) transition(now time.Time, to State) {
	c.State, c.Since = to, now
	switch timing := &c.peer.cfg.Timing; to {
	case WaitCtlReply, WaitCtlConn:
		c.deadline = now.Add(timing.SetupTimeout())
	case Stopping, Stopped:
		c.deadline = now.Add(timing.Cycle())
	default:
		c.deadline = time.Time{}
	}
	c.drawHello()
	c.scheduleHello()
}

// drawHello draws the time before the next HELLO: Config.Hello, less a random jitter of up to a
// quarter (RFC 3931, section 4.4).
func (c *Connection) drawHello() {
	cfg := &c.peer.cfg
	c.helloAfter = cfg.Hello - time.Duration(float64(cfg.Hello/4)*float64(c.peer.random32())/(1<<32))
}

// scheduleHello sets the HELLO timer.
func (c *Connection) scheduleHello() {
	c.helloAt = time.Time{}
	if c.State == Established && c.helloAfter > 0 {
		c.helloAt = c.LastHeard.Add(c.helloAfter)
	}
}

// message returns a new message of type t. It is valid until the next call.
func (c *Connection) message(t l2tp.MessageType) *l2tp.Message {
	m := &c.peer.out
	*m = l2tp.Message{Type: t}
	m.ConnectionID = c.PeerID
	c.auth.reserveDigests(m)
	return m
}

// sessionMessage returns a new message of type t about a session.
func (c *Connection) sessionMessage(t l2tp.MessageType, local, remote uint32) *l2tp.Message {
	m := c.message(t)
	m.LocalSessionID, m.RemoteSessionID = local, remote
	m.Has.Add(l2tp.AVPLocalSessionID, l2tp.AVPRemoteSessionID)
	return m
}

// setupMessage returns a new SCCRQ or SCCRP.
func (c *Connection) setupMessage(t l2tp.MessageType) *l2tp.Message {
	cfg := &c.peer.cfg
	m := c.message(t)
	m.HostName = []byte(cfg.HostName)
	m.RouterID = cfg.RouterID
	m.VendorName = []byte(cfg.VendorName)
	m.AssignedConnectionID = c.ID
	m.ReceiveWindow = uint16(cfg.Window)
	m.Pseudowires = pseudowires
	m.Has.Add(l2tp.AVPHostName, l2tp.AVPRouterID, l2tp.AVPVendorName, l2tp.AVPAssignedConnectionID,
		l2tp.AVPReceiveWindowSize, l2tp.AVPPseudowireCapabilities)
	if c.auth.hasSecret {
		m.Nonce = c.auth.local
		m.Has.Add(l2tp.AVPNonce)
	}
	return m
}

// pseudowires holds the supported pseudowire types.
var pseudowires = l2tp.Pseudowires(l2tp.PseudowirePPP)

// queue encodes a message for reliable delivery. flush sends it when the windows allow.
func (c *Connection) queue(m *l2tp.Message) {
	c.peer.scratch = encode(c.peer.scratch[:0], m)
	c.reliable.push(c.peer.scratch)
}

// encode appends an encoded message. The contents of sent messages are bounded, so they always fit.
func encode(dst []byte, m *l2tp.Message) []byte {
	b, err := l2tp.Append(dst, m)
	if err != nil {
		panic("control: " + err.Error())
	}
	return b
}

// flush transmits the queued messages that the windows allow. If an acknowledgement is due and no
// message carried it, flush sends an ACK.
func (c *Connection) flush(now time.Time, out *Output) {
	r := &c.reliable
	for message := r.next(now); message != nil; message = r.next(now) {
		c.transmit(message, out)
	}
	if r.ackDue {
		m := c.message(l2tp.ACK)
		m.Ns = r.ns - uint16(len(r.queue)-r.transmitted)
		c.peer.scratch = encode(c.peer.scratch[:0], m)
		c.transmit(c.peer.scratch, out)
	}
}

// transmit sets the current Nr in a message, signs and sends it.
func (c *Connection) transmit(message []byte, out *Output) {
	binary.BigEndian.PutUint16(message[offsetNr:], c.reliable.nr)
	c.auth.sign(message)
	c.reliable.ackDue = false
	out.send(message)
}

// initiate sends the SCCRQ.
func (c *Connection) initiate(now time.Time, out *Output) {
	c.Initiator = true
	c.tieBreaker = c.peer.random64()
	m := c.setupMessage(l2tp.SCCRQ)
	m.TieBreaker = c.tieBreaker
	m.Has.Add(l2tp.AVPTieBreaker)
	c.queue(m)
	c.transition(now, WaitCtlReply)
	c.flush(now, out)
}

// resendNow retransmits the SCCRQ before its timer expires. It is called when the peer's own SCCRQ,
// or the owner, indicates that the peer can answer now. If two PEs that start together waited for
// the timer, that would delay the connection by up to Timing.Cap.
func (c *Connection) resendNow(now time.Time, out *Output) {
	c.reliable.resendNow()
	c.flush(now, out)
}

// answer accepts an SCCRQ and sends the SCCRP.
func (c *Connection) answer(now time.Time, m *l2tp.Message, out *Output) {
	c.LastHeard = now
	c.tieBreaker = m.TieBreaker
	c.reliable.receive(m.Ns)
	c.recordPeer(m)
	c.queue(c.setupMessage(l2tp.SCCRP))
	c.transition(now, WaitCtlConn)
	c.flush(now, out)
}

// recordPeer stores what the peer's SCCRQ or SCCRP says about it.
func (c *Connection) recordPeer(m *l2tp.Message) {
	c.PeerID = m.AssignedConnectionID
	c.HostName, c.VendorName, c.RouterID = string(m.HostName), string(m.VendorName), m.RouterID
	c.PreferredLanguage = string(m.PreferredLanguage)
	c.auth.remote = append([]byte{}, m.Nonce...)
	if m.Has.Has(l2tp.AVPReceiveWindowSize) {
		c.reliable.setPeerWindow(int(m.ReceiveWindow))
	}
}

// hasAnswered reports whether an SCCRQ is a retransmission of the one that c has answered, which
// has the same connection ID, nonce and tie breaker. A restarted peer may choose the same
// connection ID again, but is unlikely to choose the same nonce and tie breaker.
func (c *Connection) hasAnswered(m *l2tp.Message) bool {
	return !c.Initiator && c.PeerID == m.AssignedConnectionID && c.tieBreaker == m.TieBreaker &&
		bytes.Equal(c.auth.remote, m.Nonce)
}

// hasSent reports whether an SCCRQ is our own, reflected by an unknown sender. It must not count as
// a tie.
func (c *Connection) hasSent(m *l2tp.Message) bool {
	return c.ID == m.AssignedConnectionID && c.tieBreaker == m.TieBreaker
}

// acknowledgeAgain acknowledges a retransmitted SCCRQ. It bypasses reliable delivery and does not
// change LastHeard: an SCCRQ is signed without nonces, so it may be a replay, sent when sequence
// numbers have wrapped around and its Ns 0 is the next expected again.
func (c *Connection) acknowledgeAgain(now time.Time, out *Output) {
	c.reliable.ackDue = true
	c.flush(now, out)
}

// receive handles a control message to this connection.
func (c *Connection) receive(now time.Time, datagram []byte, out *Output) {
	m := &c.peer.in
	problem := c.auth.parse(m, datagram)
	if !c.auth.verify(datagram, m, c.State != Established) {
		c.peer.drop(DropUnauthenticated)
		return
	}
	r := &c.reliable
	alone := acknowledgement(m, problem)
	if alone {
		r.duplicateAck(m.Nr)
	}
	if !r.acknowledge(now, m.Nr) {
		c.peer.drop(DropInvalidNr)
		return
	}
	c.LastHeard = now
	c.scheduleHello()
	if !alone {
		switch r.receive(m.Ns) {
		case deliver:
			c.handle(now, m, problem, out)
			c.releaseEarly(now, out)
		case hold:
			if !r.keep(m.Ns, datagram) {
				c.peer.drop(DropWindow)
			}
		case discard:
			c.peer.drop(DropWindow)
		}
	}
	c.flush(now, out)
	if c.State == Stopping && r.idle() {
		c.peer.remove(c)
	}
}

// acknowledgement reports whether a message is only an acknowledgement: an ACK or a ZLB, which do
// not advance Ns (RFC 3931, sections 4.2 and 6.15). A message whose type could not be read is not.
func acknowledgement(m *l2tp.Message, problem error) bool {
	return m.Type == l2tp.ACK || m.IsZLB() && problem == nil
}

func (c *Connection) releaseEarly(now time.Time, out *Output) {
	for datagram := c.reliable.release(); datagram != nil; datagram = c.reliable.release() {
		m := &c.peer.in
		problem := c.auth.parse(m, datagram)
		c.handle(now, m, problem, out)
	}
}

// handle applies the state table of RFC 3931, section 7.2, to an authenticated message in order.
// problem is the decoder's error. Peer.handleSCCRQ handles an SCCRQ that begins a connection.
func (c *Connection) handle(now time.Time, m *l2tp.Message, problem error, out *Output) {
	switch problem = checkRequired(m, problem); {
	case c.State == Stopped:
	case m.Type == l2tp.StopCCN: // even a malformed one: the peer has cleaned up
		c.handleStopCCN(now, m, out)
	case c.State == Stopping:
	case ignorable(problem):
		c.peer.drop(DropUnexpected)
	case m.Type == l2tp.SCCRP && c.State == WaitCtlReply:
		c.handleSCCRP(now, m, problem, out)
	case m.Type.IsSession() && c.State == Established:
		c.handleSession(now, m, problem, out)
	case problem != nil:
		c.fail(now, resultFor(problem), CauseProtocol, out)
	case m.Type == l2tp.SCCCN && c.State == WaitCtlConn:
		c.establish(now, out)
	case m.Type == l2tp.HELLO:
	default:
		text := fmt.Sprintf("unexpected %s in state %s", m.Type, c.State)
		c.fail(now, stopError(l2tp.StopFSMError, text), CauseProtocol, out)
	}
}

// handleSCCRP handles the answer to our SCCRQ. It records the peer first, because even a StopCCN
// that refuses the peer needs the peer's connection ID and nonce.
func (c *Connection) handleSCCRP(now time.Time, m *l2tp.Message, problem error, out *Output) {
	c.recordPeer(m)
	if result, ok := c.peer.acceptable(m, problem); !ok {
		c.fail(now, result, CauseProtocol, out)
		return
	}
	c.queue(c.message(l2tp.SCCCN))
	c.establish(now, out)
}

func (c *Connection) establish(now time.Time, out *Output) {
	c.transition(now, Established)
	c.upSince = now
	c.peer.established(now, c, out)
}

// advance handles expired timers.
func (c *Connection) advance(now time.Time, out *Output) {
	r := &c.reliable
	switch {
	case r.expire(now):
		c.giveUp(now, out)
		return
	case timing.Due(c.deadline, now):
		c.handleStateTimeout(now, out)
		return
	case timing.Due(c.helloAt, now):
		// An unacknowledged message tests the peer as a HELLO would.
		if r.idle() {
			c.queue(c.message(l2tp.HELLO))
			c.drawHello()
		}
		c.helloAt = time.Time{} // until the next message is received
	}
	c.expireSessions(now, out)
	c.flush(now, out)
}

// nextDeadline returns the time at which advance must be called next; zero: never.
func (c *Connection) nextDeadline() time.Time {
	d := timing.Earliest(c.reliable.resendAt, c.deadline, c.helloAt)
	if len(c.opening) > 0 {
		d = timing.Earliest(d, c.opening[0].deadline)
	}
	return d
}
