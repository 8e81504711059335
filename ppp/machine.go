package ppp

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"time"
)

// negotiator holds the Configuration Options of one control protocol: what we
// want, what the peer may have, and what was agreed. Methods that return a
// string return the reason why the negotiation cannot succeed, or "".
type negotiator interface {
	// reset goes back to what we want at first: a negotiation starts.
	reset()
	// appendRequest appends the options of our next Configure-Request.
	appendRequest(b []byte) []byte
	// judge adds to r what is wrong with one option of the peer's request.
	judge(o option, r *reply)
	// judgeAbsent adds to r the options that the peer's request lacks.
	judgeAbsent(request options, r *reply)
	// commit takes over the peer's request, which was acknowledged.
	commit(request options)
	// acked: the peer acknowledged our request.
	acked() string
	// refused: the peer refused the values of some options of our request, or
	// suggested further options. final: it did so more than Max-Failure times.
	refused(suggestions options, final bool) string
	// rejected: the peer rejected some options of our request.
	rejected(request options) string
}

// reply collects the answer to one Configure-Request. Rejects go before Naks,
// which go before an Ack (RFC 1661, sections 5.2 to 5.4).
type reply struct {
	// final: Max-Failure Configure-Naks have been sent without an Ack. A
	// further Nak must become a Reject, or a failure.
	final   bool
	naks    []byte // options to Nak, with the values that we would accept
	rejects []byte // options to Reject, unchanged
	failure string // why no answer can lead to agreement
}

func (r *reply) clear(final bool) {
	*r = reply{final: final, naks: r.naks[:0], rejects: r.rejects[:0]}
}

func (r *reply) reject(o option) { r.rejects = append(r.rejects, o...) }

func (r *reply) good() bool { return len(r.naks) == 0 && len(r.rejects) == 0 }

// machine runs the automaton of RFC 1661 for one control protocol: the table
// and around it the Restart timer, the counters and the identifiers. Its
// methods return the actions that are its owner's: tlu, tld, tls, tlf and ser.
type machine struct {
	protocol Protocol
	state    State
	begun    bool // the options are those of the negotiation under way
	pending  bool // our last Configure-Request has had no valid reply
	lastID   uint8
	nakID    uint8 // Identifier of the last request answered with a Nak
	// Identifiers of our last Configure-Request and Terminate-Request.
	configureID, terminateID uint8

	// The peer's Configure-Request that we acknowledged last: its Identifier, and a checksum of its
	// options. When it comes again in Opened it is one that the peer sent before it had our answer,
	// late or because the answer was lost (RFC 1661, section 5.1: a new one has a new Identifier),
	// and is answered again. Renegotiation, which section 4.1 has for any Configure-Request, would
	// take down what has just come up wherever the round-trip time is above the Restart timer.
	ackedID  uint8
	ackedSum uint32

	cfg     *Config
	peerMRU *uint16
	options negotiator
	request []byte    // options of our last Configure-Request
	timer   time.Time // when the Restart timer expires; zero: not running

	// interval is the time until the Restart timer expires next. It begins at
	// initial and doubles with each timeout up to Config.Restart. What it was
	// found to need is the initial value from then on, for irc, too (RFC 1661,
	// section 4.4): where the round-trip time is longer than Config.RestartInitial,
	// to go back to that would have each negotiation begin another for ever.
	initial, interval time.Duration

	restarts     int // Restart counter: transmissions left
	naksSent     int // Configure-Naks sent without an Ack, to requests that differ
	refusals     int // Configure-Naks and Configure-Rejects sent without an Ack
	naksReceived int // Configure-Naks received without an Ack
	acksReceived int // Configure-Acks received in this negotiation

	reason        string // why the layer went down or finished last
	terminateText string // what a Terminate-Request says instead; empty: the reason
	hint          string // what the peer said of itself while negotiating
	illegal       uint64 // illegal events
}

func (m *machine) nextID() uint8 {
	m.lastID++
	return m.lastID
}

// begin starts a negotiation afresh: nothing is agreed.
func (m *machine) begin() {
	m.begun, m.pending = true, false
	m.naksSent, m.refusals, m.naksReceived, m.acksReceived = 0, 0, 0, 0
	m.hint, m.terminateText = "", ""
	m.options.reset()
}

// step takes one event through the table. The packet, if any, is what was
// received; reason is why, for Close, Down and RXJ-.
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
		if m.state < Closing { // nothing was under way
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
		c &^= tlf // it finished when it entered this state
	}
	m.state = c.next()
	m.begun = m.state.negotiating()
	if !m.state.timed() {
		m.timer = time.Time{}
	}
	return c & (tlu | tld | tls | tlf | ser)
}

// startTimer starts the Restart timer, for a request that is sent.
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

// sendRefusal sends the Configure-Reject or Configure-Nak that out.reply holds.
func (m *machine) sendRefusal(id uint8, out *Output) {
	m.refusals++
	if len(out.reply.rejects) > 0 {
		out.packet(m.protocol, configureReject, id, out.reply.rejects)
		return
	}
	if m.naksSent == 0 || id != m.nakID { // not because our Nak was lost
		m.naksSent++
		m.nakID = id
	}
	out.packet(m.protocol, configureNak, id, out.reply.naks)
}

// sendCodeReject returns a packet of unknown code, cut to the peer's MRU (RFC
// 1661, section 5.6).
func (m *machine) sendCodeReject(in packet, out *Output) {
	out.begin(m.protocol, codeReject, m.nextID())
	n := headerLen + len(in.data)
	out.buf = append(out.buf, byte(in.code), in.id, byte(n>>8), byte(n))
	room := int(*m.peerMRU) - 2*headerLen
	out.buf = append(out.buf, in.data[:min(len(in.data), room)]...)
	out.end()
}

// why explains an event that ends something; "" keeps the former reason.
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
		case !m.state.negotiating(): // the reason is why we terminate
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

// timeout is the expiration of the Restart timer. Each Ack refills the Restart
// counter, so a peer that does nothing but acknowledge would keep us forever:
// its Acks are counted, too.
func (m *machine) timeout(now time.Time, out *Output) cell {
	ev := evTOMinus
	if m.restarts > 0 && !(m.state == AckRcvd && m.acksReceived >= m.cfg.MaxConfigure) {
		ev = evTOPlus
		m.interval = min(2*m.interval, m.cfg.Restart)
	}
	return m.step(now, ev, packet{}, "", out)
}

// fail ends a negotiation that cannot succeed, and tells the peer why. A
// network protocol stays Closed until LCP opens again. LCP itself is opened
// at once, as RFC 1661 (section 4.3, Close) has it, and so ends in Stopped.
func (m *machine) fail(now time.Time, reason string, out *Output) cell {
	layer := m.step(now, evClose, packet{}, reason, out)
	if m.protocol == ProtocolLCP {
		layer |= m.step(now, evOpen, packet{}, "", out)
	}
	return layer
}

// receive takes a packet with one of the codes that all control protocols
// share, 1 to 7, or of a code unknown to this one.
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
		if rejected > codeReject { // we can do without
			return m.step(now, evRXJPlus, in, "", out), accepted
		}
		reason := fmt.Sprintf("the peer does not support %v %v (Code-Reject)", m.protocol, rejected)
		return m.step(now, evRXJMinus, in, reason, out), accepted
	}
	return m.step(now, evRUC, in, "", out), accepted
}

// receiveRequest judges a Configure-Request, option by option.
func (m *machine) receiveRequest(now time.Time, in packet, out *Output) (cell, Discard) {
	request := options(in.data)
	if !request.wellFormed() {
		return 0, DiscardBadLength
	}
	if transitions[evRCRPlus][m.state] == transitions[evRCRMinus][m.state] {
		return m.step(now, evRCRPlus, in, "", out), accepted // refused unread
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
		if seen[o.kind()] { // none of our options may be listed twice
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
		// The RFC bounds Naks only. Nobody needs that many Rejects.
		return m.fail(now, "the peer keeps requesting options that were refused", out), accepted
	}
	return m.step(now, evRCRMinus, in, "", out), accepted
}

// receiveReply takes the peer's answer to our last Configure-Request. One that
// answers another, or answers it again, is discarded (RFC 1661, section 4.3).
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
