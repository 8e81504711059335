package control

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// State is a state of RFC 3931 section 7.2.
type State int

// The connection states. The last two are idle to section 7.2; what is left is reliable delivery
// (section 3.3.2).
const (
	Idle         State = iota
	WaitCtlReply       // SCCRQ sent
	WaitCtlConn        // SCCRQ received, SCCRP sent
	Established
	Stopping // StopCCN sent and not yet acknowledged
	Stopped  // StopCCN received: retransmissions are acknowledged
)

var stateNames = [...]string{"idle", "wait-ctl-reply", "wait-ctl-conn", "established", "stopping", "stopped"}

// String is the state's name in RFC 3931.
func (s State) String() string { return stateNames[s] }

// Connection is one control connection. Its owner may read the exported fields.
type Connection struct {
	State     State
	Since     time.Time // when it took this state
	Initiator bool      // we have sent the SCCRQ

	ID, PeerID uint32 // control connection IDs: assigned by us, by the peer

	// What the peer has said of itself in its SCCRQ or SCCRP.
	HostName, VendorName string
	RouterID             uint32
	PreferredLanguage    string // a language tag; empty: none

	LastHeard time.Time // the last message, of control or data

	peer       *Peer
	upSince    time.Time // when it was established
	tieBreaker uint64    // of the SCCRQ, whoever has sent it
	auth       auth
	reliable   reliable
	deadline   time.Time     // of the states that must not last: all but Established
	helloAfter time.Duration // the peer's silence before the next HELLO
	helloAt    time.Time

	sessions map[uint32]*Session // by our ID
	byPeer   map[uint32]*Session // by the peer's ID
	waiting  map[string]*Session // those with an ICRQ unanswered, by Remote End ID
	opening  []*Session          // those not yet established, in the order of their deadlines; others among them, but not first
}

// Counters are those of reliable delivery.
type Counters struct {
	Sent, Received, Retransmitted uint64 // messages
	PeerWindow                    int    // the peer's Receive Window Size
	Retries                       int    // of the oldest message unacknowledged
}

// Counters returns the connection's counters.
func (c *Connection) Counters() Counters {
	r := &c.reliable
	return Counters{r.sent, r.received, r.retransmitted, r.peerWindow, r.retries}
}

// DataReceived tells of data received on the connection's sessions, which counts as life of the peer (RFC
// 3931 section 4.4).
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

// transition is the only writer of the state.
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

// drawHello draws the time of silence before the next HELLO: jittered by up to a quarter (RFC 3931
// section 4.4).
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

// message begins a message of type t.
func (c *Connection) message(t l2tp.MessageType) *l2tp.Message {
	m := &c.peer.out
	*m = l2tp.Message{Type: t}
	m.ConnectionID = c.PeerID
	c.auth.reserveDigests(m)
	return m
}

// sessionMessage begins a message about a session.
func (c *Connection) sessionMessage(t l2tp.MessageType, local, remote uint32) *l2tp.Message {
	m := c.message(t)
	m.LocalSessionID, m.RemoteSessionID = local, remote
	m.Has.Add(l2tp.AVPLocalSessionID, l2tp.AVPRemoteSessionID)
	return m
}

// setupMessage begins an SCCRQ or SCCRP.
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

// pseudowires are the pseudowire types that we take.
var pseudowires = l2tp.Pseudowires(l2tp.PseudowirePPP)

// queue encodes a message for reliable delivery; flush sends it when the window allows.
func (c *Connection) queue(m *l2tp.Message) {
	c.peer.scratch = encode(c.peer.scratch[:0], m)
	c.reliable.push(c.peer.scratch)
}

// encode appends a message of ours. What we put into one is bounded, so that it always fits.
func encode(dst []byte, m *l2tp.Message) []byte {
	b, err := l2tp.Append(dst, m)
	if err != nil {
		panic("control: " + err.Error())
	}
	return b
}

// flush transmits what the windows allow and, if nothing carried it, the acknowledgement that is
// due.
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

// transmit completes a message with what is known only now: Nr and the digest over it.
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

// resendNow sends the SCCRQ again before its time: the peer's own says that the peer is there, perhaps
// only now. Waiting for the timer, each of two PEs that start together would hear of the other up
// to Timing.Cap later.
func (c *Connection) resendNow(now time.Time, out *Output) {
	c.reliable.resendNow()
	c.flush(now, out)
}

// answer takes an acceptable SCCRQ and sends the SCCRP.
func (c *Connection) answer(now time.Time, m *l2tp.Message, out *Output) {
	c.LastHeard = now
	c.tieBreaker = m.TieBreaker
	c.reliable.receive(m.Ns)
	c.recordPeer(m)
	c.queue(c.setupMessage(l2tp.SCCRP))
	c.transition(now, WaitCtlConn)
	c.flush(now, out)
}

// recordPeer takes what an SCCRQ or SCCRP says of the peer.
func (c *Connection) recordPeer(m *l2tp.Message) {
	c.PeerID = m.AssignedConnectionID
	c.HostName, c.VendorName, c.RouterID = string(m.HostName), string(m.VendorName), m.RouterID
	c.PreferredLanguage = string(m.PreferredLanguage)
	c.auth.remote = append([]byte{}, m.Nonce...)
	if m.Has.Has(l2tp.AVPReceiveWindowSize) {
		c.reliable.setPeerWindow(int(m.ReceiveWindow))
	}
}

// hasAnswered reports whether an SCCRQ is the one that c has answered: a retransmission has all of its
// values. A peer that was restarted may choose the same connection ID, but hardly the same nonce
// and tie breaker.
func (c *Connection) hasAnswered(m *l2tp.Message) bool {
	return !c.Initiator && c.PeerID == m.AssignedConnectionID && c.tieBreaker == m.TieBreaker &&
		bytes.Equal(c.auth.remote, m.Nonce)
}

// hasSent reports whether an SCCRQ is our own, which somebody sends back to us: it would be taken for
// a tie.
func (c *Connection) hasSent(m *l2tp.Message) bool {
	return c.ID == m.AssignedConnectionID && c.tieBreaker == m.TieBreaker
}

// acknowledgeAgain acknowledges an SCCRQ once more. It is not put through reliable delivery, and is no sign of
// life of the peer: being signed without nonces it may be a replay, at a time when its number 0 is
// the next one acknowledgeAgain.
func (c *Connection) acknowledgeAgain(now time.Time, out *Output) {
	c.reliable.ackDue = true
	c.flush(now, out)
}

// receive takes a message for this connection.
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

// acknowledgement reports whether a message is nothing but that: an ACK or a ZLB, which have no
// number of their own (RFC 3931 sections 4.2 and 6.15). A message whose type could not be read is
// neither.
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

// handle is section 7.2's table, for a message in order and authenticated; problem is what its
// decoder found. An SCCRQ that begins a connection is the Peer's.
func (c *Connection) handle(now time.Time, m *l2tp.Message, problem error, out *Output) {
	switch problem = checkRequired(m, problem); {
	case c.State == Stopped:
	case m.Type == l2tp.StopCCN: // malformed or not, the peer has cleaned up
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
		text := fmt.Sprintf("%s in state %s", m.Type, c.State)
		c.fail(now, stopError(l2tp.StopFSMError, text), CauseProtocol, out)
	}
}

// handleSCCRP takes the answer to our SCCRQ. Even a StopCCN to a peer that is not acceptable takes
// its ID and its nonce.
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

// advance acts on the timers.
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
		// Anything unacknowledged proves as much as a HELLO would.
		if r.idle() {
			c.queue(c.message(l2tp.HELLO))
			c.drawHello()
		}
		c.helloAt = time.Time{} // until the peer is heard
	}
	c.expireSessions(now, out)
	c.flush(now, out)
}

// nextDeadline is when advance is needed next; zero: never.
func (c *Connection) nextDeadline() time.Time {
	d := timing.Earliest(c.reliable.resendAt, c.deadline, c.helloAt)
	if len(c.opening) > 0 {
		d = timing.Earliest(d, c.opening[0].deadline)
	}
	return d
}
