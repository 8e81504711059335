package control

// Drop is why a control message changed nothing.
type Drop int

// The reasons to drop a message.
const (
	DropMalformed         Drop = iota // no control message of L2TPv3
	DropVersion                       // L2TPv2
	DropUnknownConnection             // for a connection that is not here
	DropUnauthenticated               // without a valid digest
	DropInvalidNr                     // acknowledges what was never sent
	DropWindow                        // beyond our receive window
	DropUnexpected                    // no SCCRQ and no connection, or an unknown message that may be ignored
	DropReflected                     // our own SCCRQ, sent back to us
	DropRate                          // an SCCRQ beyond the rate that is admitted
	dropKinds
)

var dropNames = [dropKinds]string{
	"malformed", "l2tpv2", "unknown connection", "unauthenticated", "invalid Nr", "outside the window", "unexpected",
	"reflected", "beyond the rate",
}

// String names the reason.
func (d Drop) String() string { return dropNames[d] }

// Drops counts messages that changed nothing, by reason.
type Drops [dropKinds]uint64
