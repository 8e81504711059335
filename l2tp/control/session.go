package control

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// SessionState is a session state of RFC 3931, sections 7.3 and 7.4.2.
type SessionState int

// The session states. wait-control-conn of section 7.3.1 is missing: the owner opens sessions only
// on established connections.
const (
	SessionIdle  SessionState = iota // ended
	WaitReply                        // ICRQ sent, or ICRP received and Connect not yet called
	WaitConnect                      // ICRQ received, and ICRP sent or Accept not yet called
	WaitCSAnswer                     // OCRQ received, and Accept not yet called
	SessionEstablished
	SessionStatic // without signalling, see NewStaticSession
)

var sessionStateNames = [...]string{"idle", "wait-reply", "wait-connect", "wait-cs-answer", "established", "static"}

// String returns the state's name in RFC 3931.
func (s SessionState) String() string { return sessionStateNames[s] }

// Session is one session on a control connection. The owner may read the exported fields; the
// methods change them.
type Session struct {
	Connection  *Connection
	State       SessionState
	Initiator   bool   // the ICRQ is ours
	Outgoing    bool   // the peer has sent an OCRQ, so that this end is the LAC of section 7.4.2
	RemoteEndID []byte // identifies the purpose of the session to both ends

	ID, PeerID              uint32 // session IDs assigned by us, and by the peer (0: unknown)
	LocalCookie, PeerCookie []byte // assigned by us (8 octets), and by the peer (0, 4 or 8 octets)

	// The circuit status of both ends (RFC 5641): ours as set by SetCircuit, the peer's as last
	// received. Both are initially active.
	Circuit, PeerCircuit l2tp.CircuitStatus

	// The demands of both ends on the data that they receive. They are known from CallIncoming or
	// CallAnswered on.
	Demands, PeerDemands Demands

	// Information from the peer that is only displayed.
	TxSpeed, RxSpeed uint64             // Tx and Rx Connect Speed in bits per second; 0: unknown
	WENs             uint64             // WENs received
	CircuitErrors    l2tp.CircuitErrors // of the last WEN

	sentCircuit     l2tp.CircuitStatus // the last Circuit that was sent
	sentDemands     Demands            // the last Demands that were sent
	receivedDemands Demands            // the last demands that the peer has sent
	cookies         [2][8]byte         // the memory of LocalCookie and PeerCookie
	tieBreaker      uint64
	accepted        bool      // our ICRP or OCRP was sent
	answered        bool      // the peer's ICRP was received
	deadline        time.Time // the session ends if it is not established by then
}

// Open requests a session from the peer by an ICRQ with that Remote End ID. The session keeps
// remoteEndID. The connection must be the one that Peer.Established returns. CallAnswered or
// SessionDown follows.
func (c *Connection) Open(now time.Time, remoteEndID []byte, out *Output) *Session {
	return c.OpenWith(now, remoteEndID, SessionOptions{Circuit: l2tp.CircuitActive}, out)
}

// SessionOptions are properties of a session opened by OpenWith.
type SessionOptions struct {
	Circuit    l2tp.CircuitStatus
	Sequencing l2tp.DataSequencing // unless SequenceNone, both directions number all data messages
}

// OpenWith is Open with options.
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
	if len(c.opening) > 2*len(c.sessions)+16 { // most have settled behind one that has not
		c.opening = slices.DeleteFunc(c.opening, (*Session).settled)
	}
	c.opening = append(c.opening, s)
	return s
}

// Accept accepts a session requested by the peer. It answers an ICRQ with an ICRP, and an OCRQ with
// an OCRP and the OCCN that establishes the session. The owner must be ready to receive data before
// it calls Accept.
func (s *Session) Accept(now time.Time, out *Output) {
	if s.accepted || s.State != WaitConnect && s.State != WaitCSAnswer {
		return
	}
	if s.Outgoing { // the OCRQ is the peer's only message, so its demands are final
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

// Connect completes a session that the peer has accepted: it sends the ICCN, after which data may
// arrive. The owner must be ready to receive data before it calls Connect; RFC 3931, section 7.3,
// leaves the time to the implementation.
func (s *Session) Connect(now time.Time, out *Output) {
	if s.State != WaitReply || !s.answered {
		return
	}
	s.complete(l2tp.ICCN, out)
	s.Connection.flush(now, out)
}

// addLocalEnd adds cookie, circuit status and demands of this end to an ICRQ, ICRP or OCRP.
func (s *Session) addLocalEnd(m *l2tp.Message) {
	m.AssignedCookie = s.LocalCookie
	m.Has.Add(l2tp.AVPAssignedCookie)
	s.addCircuitStatus(m)
	s.addDemands(m)
}

// addDemands adds our demands to a message if they have changed since they were last sent.
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

// Close ends the session, or refuses a requested one, with a CDN. No SessionDown follows.
func (s *Session) Close(now time.Time, result l2tp.Result, out *Output) {
	if s.State == SessionIdle || s.State == SessionStatic {
		return
	}
	s.disconnect(result)
	s.Connection.flush(now, out)
}

// message returns a new message of type t about this session.
func (s *Session) message(t l2tp.MessageType) *l2tp.Message {
	return s.Connection.sessionMessage(t, s.ID, s.PeerID)
}

// disconnect queues a CDN and removes the session.
func (s *Session) disconnect(result l2tp.Result) {
	m := s.message(l2tp.CDN)
	setResult(m, result)
	s.Connection.queue(m)
	s.forget()
}

// forget sets the session idle and removes it from its connection.
func (s *Session) forget() {
	c := s.Connection
	s.settle(SessionIdle)
	delete(c.sessions, s.ID)
	if c.byPeer[s.PeerID] == s {
		delete(c.byPeer, s.PeerID)
	}
}

// recordPeer stores the peer's session ID, cookie and demands from an ICRQ, OCRQ or ICRP.
func (s *Session) recordPeer(m *l2tp.Message) {
	s.PeerID = m.LocalSessionID
	s.PeerCookie = append(s.cookies[1][:0], m.AssignedCookie...)
	s.Connection.byPeer[s.PeerID] = s
	s.recordDemands(m)
	s.mirrorDemands()
}

// settle enters a state without a deadline: SessionIdle or SessionEstablished.
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

// fail ends the session with a CDN and emits SessionDown.
func (s *Session) fail(result l2tp.Result, cause Cause, text string, out *Output) {
	s.disconnect(result)
	out.event(SessionDown{s, Reason{Cause: cause, Result: result, Text: text}})
}

// handleSession handles an authenticated session message in order (RFC 3931, section 7.3).
func (c *Connection) handleSession(now time.Time, m *l2tp.Message, problem error, out *Output) {
	s := c.lookup(m)
	request := m.Type == l2tp.ICRQ || m.Type == l2tp.OCRQ
	switch {
	case m.Type == l2tp.CDN: // even a malformed one: the peer has cleaned up
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
		// Sections 7.3.2 and 7.4.2 require an answer only to these, because their senders wait.
		if m.Type == l2tp.ICRP || m.Type == l2tp.OCRP {
			c.refuseCall(m, cdnError(l2tp.CDNGeneralError, l2tp.ErrorSessionID, "unknown session"))
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

// lookup returns the session that a message is for, or nil. It finds the session by the Remote
// Session ID or, if that is 0 because the peer did not know our ID yet, by the Local Session ID
// (RFC 3931, section 5.4.4).
func (c *Connection) lookup(m *l2tp.Message) *Session {
	if m.RemoteSessionID != 0 {
		return c.sessions[m.RemoteSessionID]
	}
	return c.byPeer[m.LocalSessionID]
}

// handleRequest handles an ICRQ or OCRQ. It breaks a tie with our own ICRQ for the same Remote End
// ID, and emits CallIncoming unless it refuses the request.
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
			out.event(SessionDown{ours, Reason{Cause: CauseTie, Text: "both ends requested the session at the same time, with equal tie breakers"}})
			return
		case tieYielded:
			// The peer answers our ICRQ with a CDN. By then the session is unknown here.
			ours.forget()
			out.event(SessionDown{ours, Reason{Cause: CauseYielded, Text: "both ends requested the session at the same time; the peer's request won the tie"}})
		}
	}
	if len(c.sessions) >= c.peer.cfg.MaxSessions {
		c.refuseCall(m, cdnError(l2tp.CDNTemporaryFacilities, l2tp.ErrorResources, "too many sessions on this control connection"))
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

// checkCall reports whether the pseudowire type and the demands of an ICRQ, OCRQ, ICRP or ICCN are
// supported; before are the demands of the peer's earlier messages. If not, it returns the result
// for a CDN.
func checkCall(m *l2tp.Message, before Demands) (l2tp.Result, bool) {
	if m.Has.Has(l2tp.AVPPseudowireType) && m.PseudowireType != l2tp.PseudowirePPP {
		return cdnError(l2tp.CDNUnsupportedPseudowire, l2tp.ErrorNone, "unsupported pseudowire type: only PPP (7) is supported"), false
	}
	return before.with(m).check()
}

// refuseCall answers a message that belongs to no session with a CDN.
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
		result, ok = cdnError(l2tp.CDNGeneralError, l2tp.ErrorSessionID, "Local Session ID already used by another session"), false
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
	// The peer has accepted our request, so a tie is no longer possible.
	delete(s.Connection.waiting, string(s.RemoteEndID))
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

// rejectParameters ends a session whose peer has sent an unacceptable message of type t.
func (s *Session) rejectParameters(t l2tp.MessageType, result l2tp.Result, out *Output) {
	s.fail(result, CauseProtocol, fmt.Sprintf("unacceptable %s from the peer: %s", t, result.Message), out)
}

func (s *Session) establish(out *Output) {
	s.settle(SessionEstablished)
	out.event(SessionUp{s})
	s.reportCircuit()
}

// failUnexpected ends a session that has received a message of type t in the wrong state.
func (s *Session) failUnexpected(t l2tp.MessageType, out *Output) {
	text := fmt.Sprintf("unexpected %s in state %s", t, s.State)
	s.fail(cdnError(l2tp.CDNFSMError, l2tp.ErrorNone, text), CauseProtocol, text, out)
}

// expireSessions ends sessions that were not established in time. All have the same time-out, so
// their deadlines are in the order of their creation.
func (c *Connection) expireSessions(now time.Time, out *Output) {
	for len(c.opening) > 0 && !now.Before(c.opening[0].deadline) {
		s := c.opening[0]
		cause, text := CauseTimeout, fmt.Sprintf("the peer did not complete the session setup (state %s)", s.State)
		if s.answered || !s.Initiator && !s.accepted {
			cause, text = CauseLocal, "local side not ready in time"
		}
		s.fail(cdnError(l2tp.CDNFSMError, l2tp.ErrorNone, text), cause, text, out)
	}
}
