package ppp

import (
	"fmt"
	"iter"
	"math"
	"time"
)

// echo monitors an Opened LCP with Echo-Requests (RFC 1661, section 5.8): one in each interval, or
// with Config.EchoAdaptive only after an interval without a received frame.
type echo struct {
	due   time.Time // when to send the next request; zero: not running
	sent  time.Time // when the last request was sent
	mark  time.Time // when the last request was sent, answered or skipped
	since time.Time // when the first of the unanswered requests was sent

	id            uint8 // Identifier of the last request
	waiting       bool  // the last request has no reply yet
	replying      bool  // the frame being processed is that reply
	otherReceived bool  // a frame other than that reply was received since then
	unanswered    int   // consecutive requests after which no frame was received

	status EchoStatus
}

// echoHistoryLen is the number of Echo-Requests in the history.
const echoHistoryLen = 60

// EchoHistory holds the results of the last Echo-Requests, up to 60 of them.
type EchoHistory struct {
	results [echoHistoryLen]uint32 // microseconds, or echoLost
	len     uint8
	next    uint8 // index of the next result
}

const echoLost = math.MaxUint32

// EchoResult is the result of one Echo-Request.
type EchoResult struct {
	RTT  time.Duration // round-trip time, in whole microseconds; zero if Lost
	Lost bool          // no reply was received before the next request was due
}

// All yields the results, oldest first.
func (h *EchoHistory) All() iter.Seq[EchoResult] {
	return func(yield func(EchoResult) bool) {
		for i := range h.len {
			r := h.results[(h.next+echoHistoryLen-h.len+i)%echoHistoryLen]
			result := EchoResult{Lost: r == echoLost}
			if !result.Lost {
				result.RTT = time.Duration(r) * time.Microsecond
			}
			if !yield(result) {
				return
			}
		}
	}
}

func (h *EchoHistory) add(r uint32) {
	h.results[h.next] = r
	h.next = (h.next + 1) % echoHistoryLen
	h.len = min(h.len+1, echoHistoryLen)
}

// EchoStatus holds the results of the LCP Echo-Requests of a Link.
type EchoStatus struct {
	RTT      time.Duration // last round-trip time
	Measured bool          // RTT holds a measurement
	Sent     uint64        // Echo-Requests sent
	Lost     uint64        // Echo-Requests without a reply before the next was due
	Skipped  uint64        // Echo-Requests not sent because of Config.EchoAdaptive
	RTTs     RTTs
	History  EchoHistory
}

func (e *echo) start(now time.Time, interval time.Duration) {
	*e = echo{status: e.status}
	if interval > 0 {
		e.mark, e.due = now, now.Add(interval)
	}
}

// SetEcho changes Config.EchoInterval, EchoFails and EchoAdaptive, also while the link is up.
func (l *Link) SetEcho(now time.Time, interval time.Duration, fails int, adaptive bool) {
	was := l.cfg.EchoInterval
	l.cfg.EchoInterval, l.cfg.EchoFails, l.cfg.EchoAdaptive = interval, fails, adaptive
	l.cfg = l.cfg.withDefaults()
	if l.lcp.state == Opened && l.cfg.EchoInterval != was {
		l.echo.start(now, l.cfg.EchoInterval)
	}
}

func (e *echo) stop() { e.due, e.waiting = time.Time{}, false }

// received records that a frame was received.
func (e *echo) received() {
	e.otherReceived = e.otherReceived || !e.replying
	e.replying = false
}

// replied handles an Echo-Reply and reports whether it answers the last request.
func (e *echo) replied(now time.Time, id uint8) bool {
	if !e.waiting || id != e.id {
		return false
	}
	e.waiting, e.replying, e.mark = false, true, now
	rtt := max(now.Sub(e.sent), 0)
	e.status.RTT, e.status.Measured = rtt, true
	e.status.RTTs.add(rtt)
	e.status.History.add(uint32(min(rtt.Microseconds(), echoLost-1)))
	return true
}

// advance evaluates the last request when the next is due. It returns the reason why the link has
// failed, or "".
func (e *echo) advance(now time.Time, fails int) string {
	if e.waiting {
		e.status.Lost++
		e.status.History.add(echoLost)
	}
	if e.otherReceived || !e.waiting {
		e.unanswered = 0
		return ""
	}
	if e.unanswered == 0 {
		e.since = e.sent
	}
	e.unanswered++
	if e.unanswered < fails {
		return ""
	}
	silence := now.Sub(e.since).Round(time.Millisecond)
	return fmt.Sprintf("%d LCP echoes unanswered for %g s", e.unanswered, silence.Seconds())
}

// skip postpones the next request by an interval if a frame other than the last reply was received,
// and reports whether it did.
func (e *echo) skip(now time.Time, interval time.Duration) bool {
	if !e.otherReceived {
		return false
	}
	e.otherReceived, e.waiting, e.mark, e.due = false, false, now, now.Add(interval)
	e.status.Skipped++
	return true
}

// next records that a request with this Identifier is sent now.
func (e *echo) next(now time.Time, id uint8, interval time.Duration) {
	e.id, e.sent, e.mark, e.due = id, now, now, now.Add(interval)
	e.waiting, e.otherReceived = true, false
	e.status.Sent++
}
