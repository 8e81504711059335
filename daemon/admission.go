package daemon

import (
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// admission bounds what all peers together may ask of us before they have proven who they are:
// messages to control connection ID 0, each of which costs a digest (RFC 3931 section 4.3). The
// machines bound each peer's alone.
type admission struct {
	limiter *rate.Limiter
	refused atomic.Uint64 // messages dropped
}

// Calls of all peers together: hundreds of peers may start at once, and a flood costs less than a
// thousandth of a core.
const (
	callsPerSecond = 500
	callsAtOnce    = 1000
)

func newAdmission() *admission {
	return &admission{limiter: rate.NewLimiter(callsPerSecond, callsAtOnce)}
}

// admit reports whether a control message may be looked at.
func (a *admission) admit(message []byte) bool {
	if id, ok := l2tp.PeekConnectionID(message); !ok || id != 0 || a.limiter.Allow() {
		return true
	}
	a.refused.Add(1)
	return false
}
