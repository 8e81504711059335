package control

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// SessionState is a state of RFC 3931 sections 7.3 and 7.4.2.
type SessionState int

// The session states. What section 7.3.1 calls wait-control-conn is the owner's: it opens sessions
// on a connection that is established.
const (
	SessionIdle  SessionState = iota // over
	WaitReply                        // ICRQ sent, or ICRP received and the owner has yet to connect it
	WaitConnect                      // ICRQ received, ICRP sent; or the owner has yet to accept it
	WaitCSAnswer                     // OCRQ received, and the owner has yet to accept it
	SessionEstablished
	SessionStatic // without signalling, see NewStaticSession
)

var sessionStateNames = [...]string{"idle", "wait-reply", "wait-connect", "wait-cs-answer", "established", "static"}

// String is the state's name in RFC 3931.
func (s SessionState) String() string { return sessionStateNames[s] }

// Session is one session on a control connection. Its owner reads the fields and calls the methods;
// the rest is the connection's.
type Session struct {
	Connection  *Connection
	State       SessionState
	Initiator   bool   // we have sent the ICRQ
	Outgoing    bool   // the peer has sent an OCRQ, and we are the LAC of section 7.4.2
	RemoteEndID []byte // names what the session is for, in both directions

	ID, PeerID              uint32 // session IDs: assigned by us, by the peer
	LocalCookie, PeerCookie []byte // 0, 4 or 8 octets: assigned by us, by the peer

	// The two ends' circuits (RFC 5641): ours as SetCircuit left it, the peer's as it last said.
	// Both are active at first.
	Circuit, PeerCircuit l2tp.CircuitStatus

	// What each end requires of the data it receives. The owner reads them when the call is there,
	// or answered.
	Demands, PeerDemands Demands

	// What the peer says for people to know.
	TxSpeed, RxSpeed uint64             // Tx and Rx Connect Speed in bits per second; 0: not known
	WENs             uint64             // received
	CircuitErrors    l2tp.CircuitErrors // of the last WEN

	sentCircuit     l2tp.CircuitStatus // what the peer has been told of Circuit
	sentDemands     Demands            // what the peer has been told of Demands
	receivedDemands Demands            // what the peer has told of its own
	cookies         [2][8]byte         // the memory of LocalCookie and PeerCookie
	tieBreaker      uint64
	accepted        bool      // our ICRP or OCRP is sent
	answered        bool      // the peer's ICRP is here
	deadline        time.Time // until then it must be established
}

// Open asks the peer for a session named remoteEndID, which the session keeps. The connection must
// be established: it is Peer.Established.
func (c *Connection) Open(now time.Time, remoteEndID []byte, out *Output) *Session {
	return c.OpenWith(now, remoteEndID, SessionOptions{Circuit: l2tp.CircuitActive}, out)
}

// SessionOptions is what a session that we ask for is to be like.
type SessionOptions struct {
	Circuit    l2tp.CircuitStatus
	Sequencing l2tp.DataSequencing // other than SequenceNone: all data messages are numbered, both ways
}

// OpenWith is Open for a session that is to be like that.
func (c *Connection) OpenWith(now time.Time, remoteEndID []byte, offer SessionOptions, out *Output) *Session {
	s := c.newSession(now, remoteEndID)
	s.Initiator = true
	s.State = WaitReply
	s.Circuit = normalizeCircuit(offer.Circuit)
	s.Demands = demandsFor(offer.Sequencing)
	s.tieBreaker = c.peer.random64()
	c.peer.serial++
	m := s.message(l2tp.ICRQ)
	m.TieBreaker = s.tieBreaker
	m.SerialNumber = c.peer.serial
	m.PseudowireType = l2tp.PseudowirePPP
	m.RemoteEndID = s.RemoteEndID
	s.addLocalEnd(m)
	m.Has.Add(l2tp.AVPTieBreaker, l2tp.AVPSerialNumber, l2tp.AVPPseudowireType, l2tp.AVPRemoteEndID)
	c.queue(m)
	c.waiting[string(s.RemoteEndID)] = s
	c.flush(now, out)
	return s
}

func (c *Connection) newSession(now time.Time, remoteEndID []byte) *Session {
	cfg := &c.peer.cfg
	s := &Session{
		Connection:  c,
		RemoteEndID: remoteEndID,
		ID:          c.peer.newSessionID(),
		Circuit:     l2tp.CircuitActive,
		PeerCircuit: l2tp.CircuitActive,
		deadline:    now.Add(cfg.Timing.SetupTimeout()),
	}
	s.LocalCookie = s.cookies[0][:]
	cfg.Rand(s.LocalCookie)
	c.sessions[s.ID] = s
	if len(c.opening) > 2*len(c.sessions)+16 { // mostly such as have settled behind one that has not
		c.opening = slices.DeleteFunc(c.opening, (*Session).settled)
	}
	c.opening = append(c.opening, s)
	return s
}

// Accept answers a call of the peer: with an ICRP, or an OCRP and the OCCN that establishes an
// outgoing call. The owner has all ready by then that takes data.
func (s *Session) Accept(now time.Time, out *Output) {
	if s.accepted || s.State != WaitConnect && s.State != WaitCSAnswer {
		return
	}
	if s.Outgoing { // the peer has said its last word
		if result, ok := s.demandsMatch(); !ok {
			s.rejectParameters(l2tp.OCRQ, result, out)
			s.Connection.flush(now, out)
			return
		}
	}
	s.accepted = true
	reply := l2tp.ICRP
	if s.Outgoing {
		reply = l2tp.OCRP
	}
	m := s.message(reply)
	s.addLocalEnd(m)
	s.Connection.queue(m)
	if s.Outgoing {
		s.complete(l2tp.OCCN, out)
	}
	s.Connection.flush(now, out)
}

// Connect completes a call that the peer has answered: it sends the ICCN, after which data may
// come. RFC 3931 section 7.3 leaves it to us when; the owner has all ready by then that takes the
// data.
func (s *Session) Connect(now time.Time, out *Output) {
	if s.State != WaitReply || !s.answered {
		return
	}
	s.complete(l2tp.ICCN, out)
	s.Connection.flush(now, out)
}

// addLocalEnd adds our end of the session to an ICRQ, ICRP or OCRP.
func (s *Session) addLocalEnd(m *l2tp.Message) {
	m.AssignedCookie = s.LocalCookie
	m.Has.Add(l2tp.AVPAssignedCookie)
	s.addCircuitStatus(m)
	s.addDemands(m)
}

// addDemands adds our demands to a message, if the peer does not know them.
func (s *Session) addDemands(m *l2tp.Message) {
	if s.Demands != s.sentDemands {
		s.sentDemands = s.Demands
		s.Demands.addAVPs(m)
	}
}

// complete sends the ICCN or OCCN that establishes the session.
func (s *Session) complete(t l2tp.MessageType, out *Output) {
	m := s.message(t)
	if s.Circuit != s.sentCircuit {
		s.addCircuitStatus(m)
	}
	s.addDemands(m)
	s.Connection.queue(m)
	s.establish(out)
}

// Close ends the session, or refuses the incoming call, with a CDN. There is no SessionDown for it.
func (s *Session) Close(now time.Time, result l2tp.Result, out *Output) {
	if s.State == SessionIdle || s.State == SessionStatic {
		return
	}
	s.disconnect(result)
	s.Connection.flush(now, out)
}

// message begins a message of this session.
func (s *Session) message(t l2tp.MessageType) *l2tp.Message {
	return s.Connection.sessionMessage(t, s.ID, s.PeerID)
}

// disconnect queues a CDN and forgets the session.
func (s *Session) disconnect(result l2tp.Result) {
	m := s.message(l2tp.CDN)
	setResult(m, result)
	s.Connection.queue(m)
	s.forget()
}

func (s *Session) forget() {
	c := s.Connection
	s.settle(SessionIdle)
	delete(c.sessions, s.ID)
	if c.byPeer[s.PeerID] == s {
		delete(c.byPeer, s.PeerID)
	}
}

// recordPeer takes what an ICRQ, OCRQ or ICRP says of the peer's end of the session.
func (s *Session) recordPeer(m *l2tp.Message) {
	s.PeerID = m.LocalSessionID
	s.PeerCookie = append(s.cookies[1][:0], m.AssignedCookie...)
	s.Connection.byPeer[s.PeerID] = s
	s.recordDemands(m)
	s.mirrorDemands()
}

// settle leaves the states that have a deadline.
func (s *Session) settle(state SessionState) {
	c := s.Connection
	if c.waiting[string(s.RemoteEndID)] == s {
		delete(c.waiting, string(s.RemoteEndID))
	}
	s.State = state
	for len(c.opening) > 0 && c.opening[0].settled() {
		c.opening[0] = nil
		c.opening = c.opening[1:]
	}
}

func (s *Session) settled() bool { return s.State == SessionIdle || s.State == SessionEstablished }

// fail ends the session with a CDN and tells the owner.
func (s *Session) fail(result l2tp.Result, cause Cause, text string, out *Output) {
	s.disconnect(result)
	out.event(SessionDown{s, Reason{Cause: cause, Result: result, Text: text}})
}

// handleSession acts on a message of a session, in order and authenticated (RFC 3931 section 7.3).
func (c *Connection) handleSession(now time.Time, m *l2tp.Message, problem error, out *Output) {
	s := c.lookup(m)
	request := m.Type == l2tp.ICRQ || m.Type == l2tp.OCRQ
	switch {
	case m.Type == l2tp.CDN: // malformed or not, the peer has cleaned up
		if s != nil {
			s.forget()
			out.event(SessionDown{s, refused(l2tp.CDN, m.Result)})
		}
	case problem != nil && (request || s == nil):
		c.refuseCall(m, resultFor(problem))
	case problem != nil:
		s.fail(resultFor(problem), CauseProtocol, fmt.Sprintf("malformed message from the peer: %s", problem), out)
	case request && s != nil:
		s.failUnexpected(m.Type, out)
	case request:
		c.handleRequest(now, m, out)
	case s == nil:
		// Sections 7.3.2 and 7.4.2 want an answer to these alone: their senders wait for one.
		if m.Type == l2tp.ICRP || m.Type == l2tp.OCRP {
			c.refuseCall(m, cdnError(l2tp.CDNGeneralError, l2tp.ErrorSessionID, "no such session here"))
		}
	case m.Type == l2tp.ICRP:
		s.handleICRP(m, out)
	case m.Type == l2tp.ICCN:
		s.handleICCN(m, out)
	case m.Type == l2tp.OCRP, m.Type == l2tp.OCCN:
		s.failUnexpected(m.Type, out)
	case m.Type == l2tp.SLI:
		s.recordCircuit(m, out)
	case m.Type == l2tp.WEN:
		s.WENs++
		s.CircuitErrors = m.CircuitErrors
	}
}

// lookup finds the session that a message is for: by the Remote Session ID that the peer echoes or,
// in a message sent before the peer had heard ours, by its Local Session ID (RFC 3931 section
// 5.4.4).
func (c *Connection) lookup(m *l2tp.Message) *Session {
	if m.RemoteSessionID != 0 {
		return c.sessions[m.RemoteSessionID]
	}
	return c.byPeer[m.LocalSessionID]
}

// handleRequest takes an ICRQ or OCRQ: it breaks a tie with our own ICRQ for the same Remote End
// ID, or offers the call to the owner.
func (c *Connection) handleRequest(now time.Time, m *l2tp.Message, out *Output) {
	if result, ok := checkCall(m, Demands{}); !ok {
		c.refuseCall(m, result)
		return
	}
	if ours := c.waiting[string(m.RemoteEndID)]; ours != nil {
		switch breakTie(ours.tieBreaker, tieBreakerOf(m)) {
		case tieWon:
			c.refuseCall(m, tieLost)
			return
		case tieEqual:
			c.refuseCall(m, tieLost)
			ours.forget()
			out.event(SessionDown{ours, Reason{Cause: CauseTie, Text: "both sides asked at once, with equal tie breakers"}})
			return
		case tieYielded:
			// The peer answers our ICRQ with a CDN, for a session no longer here.
			ours.forget()
			out.event(SessionDown{ours, Reason{Cause: CauseYielded, Text: "both sides asked at once; the peer's session is taken"}})
		}
	}
	if len(c.sessions) >= c.peer.cfg.MaxSessions {
		c.refuseCall(m, cdnError(l2tp.CDNTemporaryFacilities, l2tp.ErrorResources, "too many sessions"))
		return
	}
	s := c.newSession(now, bytes.Clone(m.RemoteEndID))
	s.State = WaitConnect
	if s.Outgoing = m.Type == l2tp.OCRQ; s.Outgoing {
		s.State = WaitCSAnswer
	}
	s.recordPeer(m)
	out.event(CallIncoming{s})
	s.recordCircuit(m, out)
}

// checkCall says whether what an ICRQ, OCRQ, ICRP or ICCN demands of a session, beside what was
// demanded before, can be had here.
func checkCall(m *l2tp.Message, before Demands) (l2tp.Result, bool) {
	if m.Has.Has(l2tp.AVPPseudowireType) && m.PseudowireType != l2tp.PseudowirePPP {
		return cdnError(l2tp.CDNUnsupportedPseudowire, l2tp.ErrorNone, "only PPP pseudowires (7) here"), false
	}
	return before.with(m).check()
}

// refuseCall answers a session message that has no session here with a CDN.
func (c *Connection) refuseCall(m *l2tp.Message, result l2tp.Result) {
	local := m.RemoteSessionID
	if local == 0 {
		local = c.peer.newSessionID()
	}
	cdn := c.sessionMessage(l2tp.CDN, local, m.LocalSessionID)
	setResult(cdn, result)
	c.queue(cdn)
}

func (s *Session) handleICRP(m *l2tp.Message, out *Output) {
	if s.State != WaitReply || s.answered {
		s.failUnexpected(m.Type, out)
		return
	}
	result, ok := checkCall(m, Demands{})
	if other := s.Connection.byPeer[m.LocalSessionID]; other != nil {
		result, ok = cdnError(l2tp.CDNGeneralError, l2tp.ErrorSessionID, "this Local Session ID is another session's"), false
	} else {
		s.recordPeer(m)
	}
	if ok {
		result, ok = s.demandsMatch()
	}
	if !ok {
		s.rejectParameters(m.Type, result, out)
		return
	}
	s.answered = true
	delete(s.Connection.waiting, string(s.RemoteEndID)) // no tie any more: the peer has chosen ours
	out.event(CallAnswered{s})
	s.recordCircuit(m, out)
}

func (s *Session) handleICCN(m *l2tp.Message, out *Output) {
	if s.State != WaitConnect || !s.accepted {
		s.failUnexpected(m.Type, out)
		return
	}
	result, ok := checkCall(m, s.receivedDemands)
	if s.recordDemands(m); ok {
		result, ok = s.demandsMatch()
	}
	if !ok {
		s.rejectParameters(m.Type, result, out)
		return
	}
	s.recordCircuit(m, out)
	s.establish(out)
}

// rejectParameters ends a session whose peer demands what cannot be had here.
func (s *Session) rejectParameters(t l2tp.MessageType, result l2tp.Result, out *Output) {
	s.fail(result, CauseProtocol, fmt.Sprintf("%s from the peer not acceptable: %s", t, result.Message), out)
}

func (s *Session) establish(out *Output) {
	s.settle(SessionEstablished)
	out.event(SessionUp{s})
	s.reportCircuit()
}

// failUnexpected ends a session whose peer has sent what its state does not take.
func (s *Session) failUnexpected(t l2tp.MessageType, out *Output) {
	text := fmt.Sprintf("%s in state %s", t, s.State)
	s.fail(cdnError(l2tp.CDNFSMError, l2tp.ErrorNone, text), CauseProtocol, text, out)
}

// expireSessions ends those that the peer has not brought to be established in time. All have the
// same time, so they come due in the order of their creation.
func (c *Connection) expireSessions(now time.Time, out *Output) {
	for len(c.opening) > 0 && !now.Before(c.opening[0].deadline) {
		s := c.opening[0]
		cause, text := CauseTimeout, fmt.Sprintf("the peer left the session in state %s", s.State)
		if s.answered || !s.Initiator && !s.accepted {
			cause, text = CauseLocal, "this side has not got ready in time"
		}
		s.fail(cdnError(l2tp.CDNFSMError, l2tp.ErrorNone, text), cause, text, out)
	}
}
