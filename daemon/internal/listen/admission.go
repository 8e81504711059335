package listen

import (
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Admission limits the messages to control connection ID 0 of all peers together. Each of them
// costs a digest before the sender is known to be authentic (RFC 3931, section 4.3). The machines
// limit the messages of each peer. Admission is safe for concurrent use.
type Admission struct {
	limiter *rate.Limiter
	refused atomic.Uint64
}

// Limits of such messages, for all peers together: hundreds of peers may start at once, and a flood
// costs less than a thousandth of a core.
const (
	messagesPerSecond = 500
	burst             = 1000
)

// NewAdmission returns an Admission with the limits of this package.
func NewAdmission() *Admission {
	return &Admission{limiter: rate.NewLimiter(messagesPerSecond, burst)}
}

// Admit reports whether a control message may be processed. It counts the messages that may not.
func (a *Admission) Admit(message []byte) bool {
	if id, ok := l2tp.PeekConnectionID(message); !ok || id != 0 || a.limiter.Allow() {
		return true
	}
	a.refused.Add(1)
	return false
}

// Refused returns how many messages Admit has refused.
func (a *Admission) Refused() uint64 { return a.refused.Load() }
