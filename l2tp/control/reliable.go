package control

import (
	"encoding/binary"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// Timing of reliable delivery (RFC 3931 section 4.2).
type Timing struct {
	Initial    time.Duration // first retransmission, doubled with each further one
	Cap        time.Duration // the longest interval between retransmissions
	MaxRetries int           // retransmissions of one message until the connection is given up
}

// Cycle is how long a message is retransmitted before the peer is given up: the full retransmission
// interval of RFC 3931 section 4.2.
func (t Timing) Cycle() time.Duration {
	var cycle time.Duration
	for i := range t.MaxRetries + 1 {
		cycle += t.interval(i)
	}
	return cycle
}

// SetupTimeout is how long a connection or session may be half open. It is an interval longer than a
// cycle, so that of a peer that acknowledges nothing it is said that it is silent, rather than that
// it goes no further.
func (t Timing) SetupTimeout() time.Duration { return t.Cycle() + t.Cap }

func (t Timing) interval(retries int) time.Duration {
	return timing.Backoff{Min: t.Initial, Max: t.Cap}.Interval(retries)
}

// Octet offsets in the control message header (RFC 3931 section 3.2.1).
const (
	offsetConnectionID = 4
	offsetNs           = 8
	offsetNr           = 10
	headerLen          = 12
)

// defaultWindow is a peer's receive window if it does not say (RFC 3931 section 5.4.3, Receive
// Window Size).
const defaultWindow = 4

// Bounds of what a peer may make us hold.
const (
	maxWindow          = 1024 // messages in flight, whatever the peer says, and messages ahead of their turn
	maxEarly           = 2048 // octets of a message ahead of its turn; a longer one comes again when it is its turn
	messagesPerSession = 4    // in the queue, for as many sessions as there may be
	maxSpare           = 4    // messages whose memory is kept for others
)

// reliable is the reliable delivery of one control connection (RFC 3931 section 4.2 and Appendix
// A): it numbers, holds and retransmits what we send, and puts what arrives into order. Messages
// are complete but for Nr and the digest, which the connection fills in at each transmission.
type reliable struct {
	timing Timing

	ns    uint16    // of the next message that is queued
	queue [][]byte  // what the peer has not acknowledged, oldest first; the last has number ns-1
	room  [4][]byte // the memory of a queue that is no longer
	spare [][]byte  // the memory of messages that are no longer, maxSpare at most

	// The first transmitted of queue were sent at least once. Of these the first inFlight count as
	// on their way; after a time-out that is none, and all are sent again as the congestion window
	// opens.
	transmitted, inFlight int

	peerWindow int // what the peer takes
	cwnd       int // congestion window
	ssthresh   int
	cwndAcks   int // acknowledgements since cwnd last grew, in congestion avoidance

	retries  int       // of queue[0]
	resendAt time.Time // zero: nothing is in flight

	// An acknowledgement that dupAcks the last says that a message has arrived ahead of its turn.
	dupAcks    int
	recovering bool // it was acted upon: more of them say nothing new

	nr     uint16 // the next Ns that we expect
	ackDue bool   // the peer has yet to hear of nr
	early  map[uint16][]byte
	window int // what we take: the bound of early
	limit  int // the bound of queue at which nothing more is taken, since it may want an answer

	sent, received, retransmitted uint64
}

func newReliable(t Timing, window int) reliable {
	return reliable{timing: t, peerWindow: defaultWindow, cwnd: 1, ssthresh: defaultWindow, window: window}
}

// setPeerWindow takes the peer's Receive Window Size AVP, within 1 and maxWindow.
func (r *reliable) setPeerWindow(size int) {
	r.peerWindow = max(1, min(size, maxWindow))
	r.ssthresh = r.peerWindow
	r.cwnd = min(r.cwnd, r.peerWindow)
}

// push numbers a copy of a message and queues it.
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

// next returns a message that the windows allow to be sent now, or nil. It is valid until it is
// acknowledged.
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

// expire acts on the retransmission timer: it makes the oldest message due to be sent again, or
// reports that the peer has let all retransmissions pass.
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

// resendNow makes what is not acknowledged due to be sent again now. It does not count as one of the
// retries.
func (r *reliable) resendNow() { r.inFlight = 0 }

// dupAckThreshold is how many acknowledgements that repeat the last say that the next message is lost,
// and not just late.
const dupAckThreshold = 3

// duplicateAck takes the Nr of a message that is nothing but an acknowledgement, before acknowledge
// does. When enough of them say the same, the oldest message is due to be sent again without
// waiting for its time: the fast retransmit of RFC 2581 section 3.2, to which Appendix A refers,
// and RFC 5827's where few messages are on their way. A message that does more than acknowledge may
// repeat an Nr for other reasons.
func (r *reliable) duplicateAck(nr uint16) {
	if nr != r.ns-uint16(len(r.queue)) || r.inFlight < 2 || r.recovering {
		return
	}
	if r.dupAcks++; r.dupAcks >= min(dupAckThreshold, r.inFlight-1) {
		r.slowStart()
	}
}

// slowStart makes all that is not acknowledged due to be sent again, as the congestion window opens anew
// (Appendix A).
func (r *reliable) slowStart() {
	r.ssthresh = max(r.cwnd/2, 1)
	r.cwnd, r.cwndAcks = 1, 0
	r.inFlight, r.dupAcks, r.recovering = 0, 0, true
}

// acknowledge takes the Nr of a message received. False says that it acknowledges what was never
// sent, which makes the message invalid (RFC 3931 section 4.2). An Nr from before, of a message
// that was overtaken, is valid and no news.
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
		r.queue = nil // gives back what a burst has taken
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

// openWindow widens the congestion window for one acknowledgement (RFC 3931 Appendix A).
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
// 65536: what RFC 3931 section 4.2 calls less than or equal.
func notAfter(a, last uint16) bool { return last-a < 32768 }

// arrival is what to do with a message that has arrived.
type arrival int

const (
	deliver   arrival = iota // it is the next in order
	duplicate                // it was delivered before: acknowledge it again
	hold                     // it is ahead of its turn: keep a copy
	discard                  // it is outside the window
)

// receive says what to do with a message numbered ns, and counts on it being done. It makes an
// acknowledgement due. While the peer acknowledges none of our answers its messages are dropped, as
// RFC 3931 section 4.2 allows.
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

// keep holds a copy of a message that arrived ahead of its turn, unless it is too long.
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

// release returns the held message whose turn has come, or nil, and counts it as received.
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

// abandon forgets all that the peer has not acknowledged.
func (r *reliable) abandon() {
	r.ns -= uint16(len(r.queue) - r.transmitted)
	r.queue, r.transmitted, r.inFlight, r.retries = nil, 0, 0, 0
	r.resendAt = time.Time{}
}

// idle reports whether everything sent was acknowledged.
func (r *reliable) idle() bool { return len(r.queue) == 0 }
