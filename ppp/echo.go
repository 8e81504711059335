package ppp

import (
	"fmt"
	"iter"
	"math"
	"time"
)

// echo keeps watch over an Opened LCP with Echo-Requests (RFC 1661, section
// 5.8): one per interval, or only after an interval of silence.
type echo struct {
	due   time.Time // when to send the next request; zero: not running
	sent  time.Time // when the last request was sent
	mark  time.Time // when the last request was sent, answered or spared
	since time.Time // when the first of the unanswered requests was sent

	id            uint8 // Identifier of the last request
	waiting       bool  // the last request has no reply yet
	replying      bool  // the frame at hand is that reply
	otherReceived bool  // anything but that reply was received since it was sent, or spared
	unanswered    int   // requests in a row without a sign of life

	status EchoStatus
}

// echoHistoryLen is how many Echo-Requests back the history goes.
const echoHistoryLen = 60

// EchoHistory is what became of the last Echo-Requests, up to 60 of them.
type EchoHistory struct {
	results [echoHistoryLen]uint32 // microseconds, or echoLost
	len     uint8
	next    uint8 // where the next result goes
}

const echoLost = math.MaxUint32

// EchoResult is what became of one Echo-Request.
type EchoResult struct {
	RTT  time.Duration // round-trip time, in whole microseconds; zero if Lost
	Lost bool          // no reply came until the next one was due
}

// All yields the results, the oldest first.
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

// EchoStatus is what the LCP Echo-Requests of a Link have shown so far.
type EchoStatus struct {
	RTT      time.Duration // last round-trip time
	Measured bool          // RTT holds a measurement
	Sent     uint64        // Echo-Requests sent
	Lost     uint64        // Echo-Requests without a reply until the next was due
	Skipped  uint64        // Echo-Requests not sent, as something had been received (Config.EchoAdaptive)
	RTTs     RTTs
	History  EchoHistory
}

func (e *echo) start(now time.Time, interval time.Duration) {
	*e = echo{status: e.status}
	if interval > 0 {
		e.mark, e.due = now, now.Add(interval)
	}
}

// SetEcho changes Config.EchoInterval, EchoFails and EchoAdaptive of a link that may be up.
func (l *Link) SetEcho(now time.Time, interval time.Duration, fails int, adaptive bool) {
	was := l.cfg.EchoInterval
	l.cfg.EchoInterval, l.cfg.EchoFails, l.cfg.EchoAdaptive = interval, fails, adaptive
	l.cfg = l.cfg.withDefaults()
	if l.lcp.state == Opened && l.cfg.EchoInterval != was {
		l.echo.start(now, l.cfg.EchoInterval)
	}
}

func (e *echo) stop() { e.due, e.waiting = time.Time{}, false }

// hear notes that a frame was received.
func (e *echo) received() {
	e.otherReceived = e.otherReceived || !e.replying
	e.replying = false
}

// replied takes an Echo-Reply and tells whether it answers the last request.
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

// advance accounts for the request that is out when the next is due. It
// returns the reason to give the link up, or "".
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

// spare puts off the next request if something was received, and tells whether
// it did.
func (e *echo) skip(now time.Time, interval time.Duration) bool {
	if !e.otherReceived {
		return false
	}
	e.otherReceived, e.waiting, e.mark, e.due = false, false, now, now.Add(interval)
	e.status.Skipped++
	return true
}

// next notes that a request with this Identifier is sent now.
func (e *echo) next(now time.Time, id uint8, interval time.Duration) {
	e.id, e.sent, e.mark, e.due = id, now, now, now.Add(interval)
	e.waiting, e.otherReceived = true, false
	e.status.Sent++
}
