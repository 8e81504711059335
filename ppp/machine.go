package ppp

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"time"
)

// negotiator negotiates the Configuration Options of one control protocol, ours and the peer's.
// Methods that return a string return the reason why the negotiation cannot succeed, or "".
type negotiator interface {
	// reset restores our initial options at the start of a negotiation.
	reset()
	// appendRequest appends the options of our next Configure-Request.
	appendRequest(b []byte) []byte
	// judge checks one option of the peer's request. It adds an option that is not acceptable to r.
	judge(o option, r *reply)
	// judgeAbsent adds the options that the peer's request lacks to r.
	judgeAbsent(request options, r *reply)
	// commit stores the options of a request that we acknowledge.
	commit(request options)
	// acked handles a Configure-Ack.
	acked() string
	// refused handles a Configure-Nak: the peer refused the values of some options of our request,
	// or suggested further options. final: it did so more than Max-Failure times.
	refused(suggestions options, final bool) string
	// rejected handles a Configure-Reject of some options of our request.
	rejected(request options) string
}

// reply collects the answer to one Configure-Request. A Configure-Reject has precedence over a
// Configure-Nak, and that over a Configure-Ack (RFC 1661, sections 5.2 to 5.4).
type reply struct {
	// final: Max-Failure Configure-Naks have been sent without a Configure-Ack. Instead of a
	// further Nak the option must be rejected, or the negotiation fails.
	final   bool
	naks    []byte // options to Nak, with values that we accept
	rejects []byte // options to Reject, unchanged
	failure string // why no answer can lead to agreement
}

func (r *reply) clear(final bool) {
	*r = reply{final: final, naks: r.naks[:0], rejects: r.rejects[:0]}
}

func (r *reply) reject(o option) { r.rejects = append(r.rejects, o...) }

func (r *reply) good() bool { return len(r.naks) == 0 && len(r.rejects) == 0 }

// machine runs the automaton of RFC 1661 for one control protocol: the table, the Restart timer,
// the counters and the identifiers. Its methods return the actions that its owner performs: tlu,
// tld, tls, tlf and ser.
type machine struct {
	protocol Protocol
	state    State
	begun    bool // the options belong to the current negotiation
	pending  bool // our last Configure-Request has had no valid reply
	lastID   uint8
	nakID    uint8 // Identifier of the last request answered with a Nak
	// Identifiers of our last Configure-Request and Terminate-Request.
	configureID, terminateID uint8

	// ackedID and ackedSum are the Identifier of the Configure-Request that we acknowledged last,
	// and a checksum of its options. If the same request is received in Opened, the peer sent it
	// before it received our Configure-Ack: it is late, or the Ack was lost (a new request has a
	// new Identifier: RFC 1661, section 5.1). It is acknowledged again. Section 4.1 demands a
	// renegotiation, which would close a protocol that has just opened wherever the round-trip time
	// is longer than the Restart timer.
	ackedID  uint8
	ackedSum uint32

	cfg     *Config
	peerMRU *uint16
	options negotiator
	request []byte    // options of our last Configure-Request
	timer   time.Time // when the Restart timer expires; zero: not running

	// interval is the current value of the Restart timer. It starts at initial and doubles with
	// each timeout up to Config.Restart. The value that it has reached remains in use until the
	// protocol is down, Closed or Stopped, also after action irc (RFC 1661, section 4.4): where the
	// round-trip time is longer than Config.RestartInitial, a return to initial would make each
	// negotiation start another one, indefinitely.
	initial, interval time.Duration

	restarts     int // Restart counter: transmissions left
	naksSent     int // Configure-Naks sent without an Ack, to different requests
	refusals     int // Configure-Naks and Configure-Rejects sent without an Ack
	naksReceived int // Configure-Naks received without an Ack
	acksReceived int // Configure-Acks received in this negotiation

	reason        string // why the layer last went down or finished
	terminateText string // text of the Terminate-Request; empty: the reason
	hint          string // reason that the peer's packets gave during the negotiation
	illegal       uint64 // illegal events
}

func (m *machine) nextID() uint8 {
	m.lastID++
	return m.lastID
}

// begin starts a negotiation: nothing is agreed.
func (m *machine) begin() {
	m.begun, m.pending = true, false
	m.naksSent, m.refusals, m.naksReceived, m.acksReceived = 0, 0, 0, 0
	m.hint, m.terminateText = "", ""
	m.options.reset()
}

// step processes one event by the table. in is the received packet, if any; reason is the reason of
// a Close, Down or RXJ-.
func (m *machine) step(now time.Time, ev event, in packet, reason string, out *Output) cell {
	c := transitions[ev][m.state]
	if c == no {
		m.illegal++
		return 0
	}
	if c.has(tld | tlf | str) {
		if why := m.why(ev, in, reason); why != "" {
			m.reason = why
		}
	}
	if c.has(scr) && !m.begun {
		m.begin()
	}
	if c.has(irc) {
		if m.state < Closing { // a negotiation starts
			m.interval = m.initial
		}
		m.restarts = m.cfg.MaxConfigure
		if c.has(str) {
			m.restarts = m.cfg.MaxTerminate
			m.terminateID = m.nextID()
		}
	}
	if c.has(zrc) {
		m.restarts = 0
		m.timer = now.Add(m.cfg.Restart)
	}
	if c.has(scr) {
		m.sendConfigureRequest(now, out)
	}
	if c.has(sca) {
		m.naksSent, m.refusals = 0, 0
		m.ackedID, m.ackedSum = in.id, crc32.ChecksumIEEE(in.data)
		m.options.commit(options(in.data))
		out.packet(m.protocol, configureAck, in.id, in.data)
	}
	if c.has(scn) {
		m.sendRefusal(in.id, out)
	}
	if c.has(str) {
		m.startTimer(now)
		why := cmp.Or(m.terminateText, m.reason)
		out.text(m.protocol, terminateRequest, m.terminateID, why[:min(len(why), maxText)])
	}
	if c.has(sta) {
		out.packet(m.protocol, terminateAck, in.id, nil)
	}
	if c.has(scj) {
		m.sendCodeReject(in, out)
	}
	if c.next() == m.state {
		c &^= tlf // it already finished when it entered this state
	}
	m.state = c.next()
	m.begun = m.state.negotiating()
	if !m.state.timed() {
		m.timer = time.Time{}
	}
	return c & (tlu | tld | tls | tlf | ser)
}

// startTimer starts the Restart timer for a request and counts its transmission.
func (m *machine) startTimer(now time.Time) {
	m.restarts--
	m.timer = now.Add(m.interval)
}

func (m *machine) sendConfigureRequest(now time.Time, out *Output) {
	if !m.pending {
		m.configureID = m.nextID()
		m.pending = true
	}
	m.request = m.options.appendRequest(m.request[:0])
	m.startTimer(now)
	out.packet(m.protocol, configureRequest, m.configureID, m.request)
}

// sendRefusal sends the Configure-Reject or Configure-Nak in out.reply.
func (m *machine) sendRefusal(id uint8, out *Output) {
	m.refusals++
	if len(out.reply.rejects) > 0 {
		out.packet(m.protocol, configureReject, id, out.reply.rejects)
		return
	}
	if m.naksSent == 0 || id != m.nakID { // not a repetition because our Nak was lost
		m.naksSent++
		m.nakID = id
	}
	out.packet(m.protocol, configureNak, id, out.reply.naks)
}

// sendCodeReject rejects a packet of unknown code. The copy is cut to the peer's MRU (RFC 1661,
// section 5.6).
func (m *machine) sendCodeReject(in packet, out *Output) {
	out.begin(m.protocol, codeReject, m.nextID())
	n := headerLen + len(in.data)
	out.buf = append(out.buf, byte(in.code), in.id, byte(n>>8), byte(n))
	room := int(*m.peerMRU) - 2*headerLen
	out.buf = append(out.buf, in.data[:min(len(in.data), room)]...)
	out.end()
}

// why returns the reason of an event that closes or ends the protocol; "" keeps the previous one.
func (m *machine) why(ev event, in packet, reason string) string {
	switch ev {
	case evClose, evDown, evRXJMinus:
		return reason
	case evRCRPlus, evRCRMinus:
		return fmt.Sprintf("the peer renegotiates %v", m.protocol)
	case evRTR:
		return terminateReason(in)
	case evRTA:
		if m.state == Opened {
			return fmt.Sprintf("the peer sent Terminate-Ack: its %v is not open", m.protocol)
		}
	case evTOMinus:
		switch {
		case !m.state.negotiating(): // the reason of the termination is kept
		case m.hint != "":
			return m.hint
		case m.state == AckRcvd:
			return fmt.Sprintf("the peer accepted %d Configure-Requests but sent no acceptable one of its own", m.acksReceived)
		default:
			return fmt.Sprintf("the peer did not answer %d Configure-Requests", m.cfg.MaxConfigure)
		}
	}
	return ""
}

func terminateReason(in packet) string {
	if len(in.data) == 0 {
		return "the peer sent Terminate-Request"
	}
	return "the peer sent Terminate-Request: " + printable(in.data)
}

// timeout handles the expiration of the Restart timer. Each Configure-Ack resets the Restart
// counter, so a peer that only acknowledges would keep the negotiation going indefinitely:
// therefore Acks are counted, too.
func (m *machine) timeout(now time.Time, out *Output) cell {
	ev := evTOMinus
	if m.restarts > 0 && !(m.state == AckRcvd && m.acksReceived >= m.cfg.MaxConfigure) {
		ev = evTOPlus
		m.interval = min(2*m.interval, m.cfg.Restart)
	}
	return m.step(now, ev, packet{}, "", out)
}

// fail ends a negotiation that cannot succeed and sends the reason to the peer. A network protocol
// stays Closed until LCP opens again. LCP itself gets an Open immediately after the Close (RFC
// 1661, section 4.3, Close), and therefore ends in Stopped.
func (m *machine) fail(now time.Time, reason string, out *Output) cell {
	layer := m.step(now, evClose, packet{}, reason, out)
	if m.protocol == ProtocolLCP {
		layer |= m.step(now, evOpen, packet{}, "", out)
	}
	return layer
}

// receive handles a packet with one of the codes that all control protocols have, 1 to 7, or with a
// code that this protocol does not have.
func (m *machine) receive(now time.Time, in packet, out *Output) (cell, Discard) {
	switch in.code {
	case configureRequest:
		return m.receiveRequest(now, in, out)
	case configureAck, configureNak, configureReject:
		return m.receiveReply(now, in, out)
	case terminateRequest:
		m.hint = terminateReason(in)
		return m.step(now, evRTR, in, "", out), accepted
	case terminateAck:
		m.hint = fmt.Sprintf("the peer's %v is closed: it answers with Terminate-Ack", m.protocol)
		return m.step(now, evRTA, in, "", out), accepted
	case codeReject:
		if len(in.data) == 0 {
			return 0, DiscardBadLength
		}
		rejected := code(in.data[0])
		if rejected > codeReject { // not essential to us
			return m.step(now, evRXJPlus, in, "", out), accepted
		}
		reason := fmt.Sprintf("the peer does not support %v %v (Code-Reject)", m.protocol, rejected)
		return m.step(now, evRXJMinus, in, reason, out), accepted
	}
	return m.step(now, evRUC, in, "", out), accepted
}

// receiveRequest checks each option of a Configure-Request and answers it.
func (m *machine) receiveRequest(now time.Time, in packet, out *Output) (cell, Discard) {
	request := options(in.data)
	if !request.wellFormed() {
		return 0, DiscardBadLength
	}
	if transitions[evRCRPlus][m.state] == transitions[evRCRMinus][m.state] {
		return m.step(now, evRCRPlus, in, "", out), accepted // its options do not matter
	}
	if m.state == Opened && in.id == m.ackedID && crc32.ChecksumIEEE(in.data) == m.ackedSum {
		out.packet(m.protocol, configureAck, in.id, in.data)
		return 0, accepted
	}
	if !m.begun {
		m.begin()
	}
	m.hint = ""
	r := &out.reply
	r.clear(m.naksSent >= m.cfg.MaxFailure)
	var seen [256]bool
	for o := range request.all() {
		if seen[o.kind()] { // none of the options that we support may be listed twice
			r.reject(o)
			continue
		}
		seen[o.kind()] = true
		m.options.judge(o, r)
	}
	m.options.judgeAbsent(request, r)
	switch {
	case r.failure != "":
		return m.fail(now, r.failure, out), accepted
	case r.good():
		return m.step(now, evRCRPlus, in, "", out), accepted
	case m.refusals >= 4*m.cfg.MaxFailure:
		// The RFC limits Naks only. No peer needs that many Rejects.
		return m.fail(now, "the peer keeps requesting options that were refused", out), accepted
	}
	return m.step(now, evRCRMinus, in, "", out), accepted
}

// receiveReply handles the peer's answer to our last Configure-Request. An answer to another
// request and a second answer are discarded (RFC 1661, section 4.3).
func (m *machine) receiveReply(now time.Time, in packet, out *Output) (cell, Discard) {
	if !m.pending || in.id != m.configureID {
		return 0, DiscardBadID
	}
	answer := options(in.data)
	if !answer.wellFormed() {
		return 0, DiscardBadLength
	}
	ev, reason := evRCN, ""
	switch in.code {
	case configureAck:
		if string(answer) != string(m.request) {
			return 0, DiscardBadReply
		}
		ev, m.naksReceived = evRCA, 0
		m.acksReceived++
		reason = m.options.acked()
	case configureReject:
		if len(answer) == 0 || !options(m.request).contains(answer) {
			return 0, DiscardBadReply
		}
		reason = m.options.rejected(answer)
	case configureNak:
		m.naksReceived++
		final := m.naksReceived > m.cfg.MaxFailure
		reason = m.options.refused(answer, final)
		if final && reason == "" {
			reason = fmt.Sprintf("the peer refused %d Configure-Requests in a row", m.naksReceived)
		}
	}
	m.pending = false
	m.hint = ""
	if reason != "" && m.state.negotiating() {
		return m.fail(now, reason, out), accepted
	}
	return m.step(now, ev, in, "", out), accepted
}
