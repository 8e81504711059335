package strongswan

import (
	"time"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// peer is the wanted configuration of a peer, and the state of its SAs.
type peer struct {
	want       ipsec.Peer
	version    int    // of want; incremented by each Set
	loaded     bool   // charon has want
	keyID      string // charon's ID of the peer's private key
	refused    error  // charon's reason to refuse want
	removed    bool   // to be removed from charon
	stale      bool   // charon may have state of an earlier run, which must be removed first
	restart    bool   // end the SAs and establish new ones
	waiting    []chan struct{}
	attempts   int       // since SAs were last up
	askedAt    time.Time // time of the last attempt
	nextAt     time.Time // earliest time of the next attempt
	lostAt     time.Time // no SAs since; zero: SAs are up, or were not compared yet
	hinted     bool      // the peer that starts was sent a hint that the SAs are lost
	incomplete bool      // the last comparison found SAs or policies missing in the kernel

	failure     string // the last failure
	failureKind ipsec.Failure
	failureAt   time.Time
}

// release wakes the callers that wait for charon to accept or remove the configuration.
func (x *peer) release() {
	for _, done := range x.waiting {
		close(done)
	}
	x.waiting = nil
}

// fail records why an attempt has failed.
func (x *peer) fail(now time.Time, kind ipsec.Failure, text string) {
	x.failure, x.failureKind, x.failureAt = text, kind, now
}
