package daemon

import (
	"context"
	"errors"
	"time"
)

// mailboxSize is how many functions may wait for the loop before messages from the network are
// dropped. It holds several bursts of a full receive window.
const mailboxSize = 1024

// post makes the loop run f. It blocks while the mailbox is full, and does nothing once the loop
// has ended.
func (l *loop) post(f func(now time.Time)) {
	select {
	case l.mailbox <- f:
	case <-l.ended:
	}
}

// offer is post for messages and frames from the network: it does not block. If the mailbox is
// full, it drops f and counts that.
func (l *loop) offer(f func(now time.Time)) {
	select {
	case l.mailbox <- f:
	default:
		l.dropped.Add(1)
	}
}

// errEnded is the answer of a loop that has ended.
var errEnded = errors.New("the daemon is shutting down")

// ask runs f in the loop and returns its result. It fails if the loop has ended or ctx is done.
func ask[T any](ctx context.Context, l *loop, f func(now time.Time) T) (answer T, err error) {
	answered := make(chan T, 1) // buffered: the loop never waits for the caller
	select {
	case l.mailbox <- func(now time.Time) { answered <- f(now) }:
	case <-l.ended:
		return answer, errEnded
	case <-ctx.Done():
		return answer, ctx.Err()
	}
	select {
	case answer = <-answered:
		return answer, nil
	case <-l.ended:
		return answer, errEnded
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}
