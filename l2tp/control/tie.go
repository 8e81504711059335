package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// tie is how a tie between our attempt and the peer's ends (RFC 3931 sections 5.4.3 and 5.4.4).
type tie int

const (
	tieWon     tie = iota // ours goes on, the peer's is refused
	tieYielded            // the peer's goes on, ours is forgotten
	tieEqual              // neither
)

// breakTie compares our tie breaker with the peer's, which is nil if it sent none. We always send
// one, so a peer without loses.
func breakTie(ours uint64, theirs *uint64) tie {
	switch {
	case theirs == nil || ours < *theirs:
		return tieWon
	case ours > *theirs:
		return tieYielded
	}
	return tieEqual
}

// tieLost is the CDN's result for the losing session.
var tieLost = l2tp.Result{Code: uint16(l2tp.CDNLostTie)}

func tieBreakerOf(m *l2tp.Message) *uint64 {
	if !m.Has.Has(l2tp.AVPTieBreaker) {
		return nil
	}
	return &m.TieBreaker
}
