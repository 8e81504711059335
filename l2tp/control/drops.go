package control

// Drop is the reason why a received control message was dropped.
type Drop int

// The reasons.
const (
	DropMalformed         Drop = iota // not a control message of L2TPv3
	DropVersion                       // L2TPv2
	DropUnknownConnection             // to an unknown control connection ID
	DropUnauthenticated               // no valid digest
	DropInvalidNr                     // acknowledges a message that was never sent
	DropWindow                        // outside our receive window, or our queue is full
	DropUnexpected                    // to no connection, or unknown type with M bit clear
	DropReflected                     // our own SCCRQ, sent back
	DropRate                          // beyond Config.Admission
	dropKinds
)

var dropNames = [dropKinds]string{
	"malformed", "l2tpv2", "unknown connection", "unauthenticated", "invalid Nr", "outside the window", "unexpected",
	"reflected", "beyond the rate",
}

// String returns the name of the reason. Metrics and the API use it as a label.
func (d Drop) String() string { return dropNames[d] }

// Drops counts dropped messages by reason.
type Drops [dropKinds]uint64
