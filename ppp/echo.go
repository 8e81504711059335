package ppp

import (
	"fmt"
	"time"
)

// echo keeps watch over an Opened LCP with Echo-Requests (RFC 1661, section
// 5.8): one per interval.
type echo struct {
	due   time.Time // when to send the next request; zero: not running
	sent  time.Time // when the last request was sent
	since time.Time // when the first of the unanswered requests was sent

	id         uint8 // Identifier of the last request
	waiting    bool  // the last request has no reply yet
	heard      bool  // anything was received since the last request
	unanswered int   // requests in a row without a sign of life

	status EchoStatus
}

// EchoStatus is what the LCP Echo-Requests of a Link have shown so far.
type EchoStatus struct {
	RTT      time.Duration // last round-trip time
	Measured bool          // RTT holds a measurement
	Sent     uint64        // Echo-Requests sent
	Lost     uint64        // Echo-Requests without a reply until the next was due
}

func (e *echo) start(now time.Time, interval time.Duration) {
	*e = echo{status: e.status}
	if interval > 0 {
		e.due = now.Add(interval)
	}
}

func (e *echo) stop() { e.due, e.waiting = time.Time{}, false }

// replied takes an Echo-Reply and tells whether it answers the last request.
func (e *echo) replied(now time.Time, id uint8) bool {
	if !e.waiting || id != e.id {
		return false
	}
	e.waiting = false
	e.status.RTT, e.status.Measured = max(now.Sub(e.sent), 0), true
	return true
}

// advance accounts for the request that is out when the next is due. It
// returns the reason to give the link up, or "".
func (e *echo) advance(now time.Time, fails int) string {
	if e.waiting {
		e.status.Lost++
	}
	if e.heard || !e.waiting {
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

// next notes that a request with this Identifier is sent now.
func (e *echo) next(now time.Time, id uint8, interval time.Duration) {
	e.id, e.sent, e.due = id, now, now.Add(interval)
	e.waiting, e.heard = true, false
	e.status.Sent++
}
