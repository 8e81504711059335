package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// tie is the outcome of a tie between our request and the peer's (RFC 3931, sections 5.4.3 and
// 5.4.4).
type tie int

const (
	tieWon     tie = iota // our request continues, the peer's is refused
	tieYielded            // the peer's request continues, ours is discarded
	tieEqual              // both are discarded
)

// breakTie compares our tie breaker with the peer's, which is nil if the peer sent none. The lower
// one wins. Our requests always have one, so a peer without one loses.
func breakTie(ours uint64, theirs *uint64) tie {
	switch {
	case theirs == nil || ours < *theirs:
		return tieWon
	case ours > *theirs:
		return tieYielded
	}
	return tieEqual
}

// tieLost is the result of the CDN for a session request that lost a tie.
var tieLost = l2tp.Result{Code: uint16(l2tp.CDNLostTie)}

func tieBreakerOf(m *l2tp.Message) *uint64 {
	if !m.Has.Has(l2tp.AVPTieBreaker) {
		return nil
	}
	return &m.TieBreaker
}
