package control

import (
	"encoding/binary"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// Timing configures reliable delivery (RFC 3931, section 4.2).
type Timing struct {
	Initial    time.Duration // before the first retransmission; doubles with each further one
	Cap        time.Duration // the longest interval between retransmissions
	MaxRetries int           // retransmissions of one message before the connection ends
}

// Cycle returns the time from the first transmission of a message until the connection ends because
// the peer has not acknowledged it: the full retransmission interval of RFC 3931, section 4.2.
func (t Timing) Cycle() time.Duration {
	var cycle time.Duration
	for i := range t.MaxRetries + 1 {
		cycle += t.interval(i)
	}
	return cycle
}

// SetupTimeout returns the time for which a connection or session may be half open: a cycle and one
// interval more. So a peer that acknowledges nothing ends with CauseSilent, and only one that
// acknowledges but does not proceed ends with CauseTimeout.
func (t Timing) SetupTimeout() time.Duration { return t.Cycle() + t.Cap }

func (t Timing) interval(retries int) time.Duration {
	return timing.Backoff{Min: t.Initial, Max: t.Cap}.Interval(retries)
}

// Octet offsets in the control message header (RFC 3931, section 3.2.1).
const (
	offsetConnectionID = 4
	offsetNs           = 8
	offsetNr           = 10
	headerLen          = 12
)

// defaultWindow is the receive window of a peer that sends no Receive Window Size AVP (RFC 3931,
// section 5.4.3).
const defaultWindow = 4

// Bounds of the memory that a peer can occupy here.
const (
	maxWindow          = 1024 // messages in flight or held out of order, for any advertised window
	maxEarly           = 2048 // octets of a message held out of order; a longer one is dropped
	messagesPerSession = 4    // in the queue, for each session of Config.MaxSessions
	maxSpare           = 4    // acknowledged messages whose memory is kept for reuse
)

// reliable implements reliable delivery on one control connection (RFC 3931, section 4.2 and
// Appendix A). It numbers, holds and retransmits sent messages, and puts received messages in
// order. Queued messages lack Nr and the digests, which the connection fills in at each
// transmission.
type reliable struct {
	timing Timing

	ns    uint16    // Ns of the next message to be queued
	queue [][]byte  // messages not acknowledged, oldest first; the last has Ns ns-1
	room  [4][]byte // the memory of a new queue
	spare [][]byte  // memory of acknowledged messages, at most maxSpare

	// The first transmitted messages of queue were sent at least once. Of these the first inFlight
	// count as in flight. A time-out resets inFlight to 0, and all are sent again as the congestion
	// window opens.
	transmitted, inFlight int

	peerWindow int // Receive Window Size of the peer
	cwnd       int // congestion window, in messages
	ssthresh   int
	cwndAcks   int // acknowledgements in congestion avoidance since cwnd last grew

	retries  int       // retransmissions of queue[0] by time-out
	resendAt time.Time // when the retransmission timer expires; zero: nothing is in flight

	// A duplicate acknowledgement shows that the peer received a message out of order.
	dupAcks    int
	recovering bool // in slow start since the last new acknowledgement; duplicates are ignored

	nr     uint16 // the next Ns expected
	ackDue bool   // nr has changed, or a message was repeated, since Nr was last sent
	early  map[uint16][]byte
	window int // our Receive Window Size: the bound of early
	limit  int // queue length at which received messages are dropped: they may need answers

	sent, received, retransmitted uint64
}

func newReliable(t Timing, window int) reliable {
	return reliable{timing: t, peerWindow: defaultWindow, cwnd: 1, ssthresh: defaultWindow, window: window}
}

// setPeerWindow sets the window of the peer's Receive Window Size AVP, clamped to 1 to maxWindow.
func (r *reliable) setPeerWindow(size int) {
	r.peerWindow = max(1, min(size, maxWindow))
	r.ssthresh = r.peerWindow
	r.cwnd = min(r.cwnd, r.peerWindow)
}

// push queues a copy of a message and sets its Ns.
func (r *reliable) push(message []byte) {
	var memory []byte
	if n := len(r.spare); n > 0 {
		memory, r.spare = r.spare[n-1][:0], r.spare[:n-1]
	}
	message = append(memory, message...)
	binary.BigEndian.PutUint16(message[offsetNs:], r.ns)
	r.ns++
	if r.queue == nil {
		r.queue = r.room[:0]
	}
	r.queue = append(r.queue, message)
}

// next returns the next message that the windows allow to send now, or nil. The message is valid
// until it is acknowledged.
func (r *reliable) next(now time.Time) []byte {
	if r.inFlight == len(r.queue) || r.inFlight >= min(r.cwnd, r.peerWindow) {
		return nil
	}
	message := r.queue[r.inFlight]
	if r.inFlight == 0 {
		r.resendAt = now.Add(r.timing.interval(r.retries))
	}
	r.inFlight++
	if r.inFlight > r.transmitted {
		r.transmitted = r.inFlight
		r.sent++
	} else {
		r.retransmitted++
	}
	return message
}

// expire handles the retransmission timer. If it has expired, expire makes the oldest message due
// for retransmission. It reports gaveUp instead if that message was already retransmitted
// MaxRetries times.
func (r *reliable) expire(now time.Time) (gaveUp bool) {
	if !timing.Due(r.resendAt, now) {
		return false
	}
	if r.retries >= r.timing.MaxRetries {
		return true
	}
	r.retries++
	r.slowStart()
	return false
}

// resendNow makes all unacknowledged messages due for retransmission. This does not count as a
// retry.
func (r *reliable) resendNow() { r.inFlight = 0 }

// dupAckThreshold is the number of duplicate acknowledgements that indicate that a message is lost
// and not just late.
const dupAckThreshold = 3

// duplicateAck counts an ACK or ZLB whose Nr repeats the last one. The caller calls it before
// acknowledge, and only for messages that are nothing but an acknowledgement: others may repeat an
// Nr for other reasons. After enough duplicates the oldest message is retransmitted before its
// timer expires: the fast retransmit of RFC 2581, section 3.2, to which Appendix A refers, and the
// early retransmit of RFC 5827 if few messages are in flight.
func (r *reliable) duplicateAck(nr uint16) {
	if nr != r.ns-uint16(len(r.queue)) || r.inFlight < 2 || r.recovering {
		return
	}
	if r.dupAcks++; r.dupAcks >= min(dupAckThreshold, r.inFlight-1) {
		r.slowStart()
	}
}

// slowStart makes all unacknowledged messages due for retransmission, and restarts the congestion
// window at 1 (Appendix A).
func (r *reliable) slowStart() {
	r.ssthresh = max(r.cwnd/2, 1)
	r.cwnd, r.cwndAcks = 1, 0
	r.inFlight, r.dupAcks, r.recovering = 0, 0, true
}

// acknowledge handles the Nr of a received message. It returns false if Nr acknowledges a message
// that was never sent, which makes the received message invalid (RFC 3931, section 4.2). An old Nr,
// in a message that was overtaken, is valid and changes nothing.
func (r *reliable) acknowledge(now time.Time, nr uint16) bool {
	oldest := r.ns - uint16(len(r.queue))
	if notAfter(nr, oldest) {
		return true
	}
	acked := int(nr - oldest)
	if acked > r.transmitted {
		return false
	}
	r.spare = append(r.spare, r.queue[:min(acked, maxSpare-len(r.spare))]...)
	clear(r.queue[:acked])
	r.queue = r.queue[acked:]
	if len(r.queue) == 0 {
		r.queue = nil // releases the memory of a burst
	}
	r.transmitted -= acked
	r.inFlight = max(0, r.inFlight-acked)
	r.retries, r.dupAcks, r.recovering = 0, 0, false
	r.resendAt = time.Time{}
	if r.inFlight > 0 {
		r.resendAt = now.Add(r.timing.Initial)
	}
	r.openWindow()
	return true
}

// openWindow grows the congestion window after one acknowledgement (RFC 3931, Appendix A).
func (r *reliable) openWindow() {
	if r.cwnd < r.ssthresh {
		r.cwnd++
		return
	}
	r.cwndAcks++
	if r.cwndAcks >= r.cwnd && r.cwnd < r.peerWindow {
		r.cwnd++
		r.cwndAcks = 0
	}
}

// notAfter reports whether sequence number a is last or one of the 32767 values before it, modulo
// 65536: "less than or equal" in RFC 3931, section 4.2.
func notAfter(a, last uint16) bool { return last-a < 32768 }

// arrival is the treatment of a received message.
type arrival int

const (
	deliver   arrival = iota // the next in order
	duplicate                // received before: acknowledge it again
	hold                     // out of order: keep a copy
	discard                  // outside the window
)

// receive returns the treatment of a message with that Ns. It advances nr for a message to deliver,
// and makes an acknowledgement due. Messages are discarded while the peer does not acknowledge our
// answers, as RFC 3931, section 4.2, allows.
func (r *reliable) receive(ns uint16) arrival {
	if r.limit > 0 && len(r.queue) >= r.limit {
		return discard
	}
	r.ackDue = true
	switch {
	case ns == r.nr:
		r.nr++
		r.received++
		return deliver
	case notAfter(ns, r.nr-1):
		return duplicate
	case int(ns-r.nr) >= r.window:
		return discard
	}
	if _, held := r.early[ns]; held {
		return duplicate
	}
	return hold
}

// keep stores a copy of a message received out of order. It returns false if the message is too
// long.
func (r *reliable) keep(ns uint16, message []byte) bool {
	if len(message) > maxEarly {
		return false
	}
	if r.early == nil {
		r.early = make(map[uint16][]byte)
	}
	r.early[ns] = append([]byte(nil), message...)
	return true
}

// release returns the stored message that is the next in order, or nil, and counts it as received.
func (r *reliable) release() []byte {
	message, ok := r.early[r.nr]
	if !ok {
		return nil
	}
	delete(r.early, r.nr)
	r.nr++
	r.received++
	return message
}

// abandon discards all unacknowledged messages. The sequence numbers of those never sent are
// reused.
func (r *reliable) abandon() {
	r.ns -= uint16(len(r.queue) - r.transmitted)
	r.queue, r.transmitted, r.inFlight, r.retries = nil, 0, 0, 0
	r.resendAt = time.Time{}
}

// idle reports whether all queued messages were acknowledged.
func (r *reliable) idle() bool { return len(r.queue) == 0 }
