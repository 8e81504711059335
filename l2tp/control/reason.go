package control

import (
	"fmt"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Cause is the kind of a Reason.
type Cause int

// The causes.
const (
	CauseClosed   Cause = iota // we closed it, by the operator's wish
	CauseRefused               // the peer did: Result is from its StopCCN or CDN
	CauseSilent                // the peer did not acknowledge what we sent
	CauseTimeout               // the peer acknowledged, and went no further
	CauseTie                   // a tie with the peer's own attempt, which nobody has won
	CauseYielded               // a tie that the peer has won: its session follows
	CauseReplaced              // the peer has made a new connection: it was restarted
	CauseProtocol              // the peer broke the protocol: Result is what we answered
	CauseLocal                 // something failed here: Result is what we told the peer
	CauseParent                // the control connection ended, and its sessions with it
)

// Reason says why a connection or a session ended.
type Reason struct {
	Cause  Cause
	Result l2tp.Result // as in the StopCCN or CDN received or sent; zero if there was none
	Text   string      // in plain words
}

// String is the plain words.
func (r Reason) String() string { return r.Text }

func refused(message l2tp.MessageType, result l2tp.Result) Reason {
	result.Message = append([]byte(nil), result.Message...)
	text := fmt.Sprintf("%s from the peer: %s", message, result.Text(message))
	if message == l2tp.StopCCN && l2tp.StopCCNCode(result.Code) == l2tp.StopShuttingDown && len(result.Message) == 0 {
		text = "the peer has shut down"
	}
	return Reason{Cause: CauseRefused, Result: result, Text: text}
}
