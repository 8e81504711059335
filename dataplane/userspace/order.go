package userspace

import (
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// order checks the Default L2-Specific Sublayers of the messages that a session receives.
type order struct {
	sequenced bool
	expected  uint32 // one more than the last accepted number

	// The old number that was dropped last, and how many consecutive ones were dropped in a row:
	// the peer may have lost its count.
	old  uint32
	runs int
}

// maxOldRun is the number of consecutive old messages that are dropped before the peer's count is
// accepted as the right one (RFC 3931, appendix C).
const maxOldRun = 16

// newOrder returns the order of a session with the sublayer s, nil for no sublayer.
func newOrder(s dataplane.Sublayer) *order {
	if s == dataplane.NoSublayer {
		return nil
	}
	return &order{sequenced: s.Sequenced()}
}

// accepts reports whether the message with this sublayer is accepted: it is numbered, not late and
// not a duplicate. Nothing waits for missing messages.
func (o *order) accepts(s l2tp.DefaultSublayer) bool {
	if !o.sequenced {
		return true
	}
	if !s.Sequenced {
		return false
	}
	if (s.Sequence-o.expected)&l2tp.SequenceMask > l2tp.SequenceMask/2 && !o.lost(s.Sequence) {
		return false
	}
	o.expected = (s.Sequence + 1) & l2tp.SequenceMask
	o.runs = 0
	return true
}

// lost reports whether the peer seems to have lost its count, now that an old number arrived.
func (o *order) lost(number uint32) bool {
	if o.runs > 0 && number == (o.old+1)&l2tp.SequenceMask {
		o.runs++
	} else {
		o.runs = 1
	}
	o.old = number
	return o.runs > maxOldRun
}
