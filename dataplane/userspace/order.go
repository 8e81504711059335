package userspace

import "github.com/l2tpvl/l2tpvl/dataplane"

// The Default L2-Specific Sublayer (RFC 3931 section 4.6): x bit, S bit, x bits, Sequence Number of
// 24 bits.
const (
	sublayerSize = 4
	sequenced    = 1 << 30 // S bit
	sequenceMask = 1<<24 - 1
)

// order is what the Default L2-Specific Sublayer of the messages that a session receives is looked
// at for.
type order struct {
	sequenced bool
	expected  uint32 // one more than the last number that was taken

	// What was dropped as old last, and how many such in a row were one after another: the peer may
	// have lost its count.
	old  uint32
	runs int
}

// maxOldRun is how many old messages in sequence are dropped before their count is taken for the
// right one (RFC 3931 appendix C).
const maxOldRun = 16

// newOrder is the order of a session with that sublayer; nil: there is none.
func newOrder(s dataplane.Sublayer) *order {
	if s == dataplane.NoSublayer {
		return nil
	}
	return &order{sequenced: s.Sequenced()}
}

// takes reports whether a message with that sublayer is to be taken: it is not late, is not there
// twice, and is numbered. Nothing waits for messages that have not come.
func (o *order) takes(sublayer uint32) bool {
	if !o.sequenced {
		return true
	}
	if sublayer&sequenced == 0 {
		return false
	}
	number := sublayer & sequenceMask
	if (number-o.expected)&sequenceMask > sequenceMask/2 && !o.lost(number) {
		return false
	}
	o.expected = (number + 1) & sequenceMask
	o.runs = 0
	return true
}

// lost reports whether the peer seems to have lost its count, by what an old number follows.
func (o *order) lost(number uint32) bool {
	if o.runs > 0 && number == (o.old+1)&sequenceMask {
		o.runs++
	} else {
		o.runs = 1
	}
	o.old = number
	return o.runs > maxOldRun
}
