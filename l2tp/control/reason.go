package control

import (
	"fmt"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Cause classifies a Reason.
type Cause int

// The causes.
const (
	CauseClosed   Cause = iota // the owner closed it
	CauseRefused               // the peer ended or refused it: Result is from its StopCCN or CDN
	CauseSilent                // the peer did not acknowledge our messages
	CauseTimeout               // the peer acknowledged our messages, but did not proceed in time
	CauseTie                   // tie with the peer's own request: neither request continues
	CauseYielded               // tie won by the peer: its session replaces this one
	CauseReplaced              // the peer has restarted and established a new connection
	CauseProtocol              // the peer violated the protocol: Result is our answer
	CauseLocal                 // local failure: Result is what the peer received
	CauseParent                // the control connection of the session ended
)

// Reason describes why a connection or a session ended.
type Reason struct {
	Cause  Cause
	Result l2tp.Result // as in the StopCCN or CDN received or sent; zero if there was none
	Text   string      // for people
}

// String returns Text.
func (r Reason) String() string { return r.Text }

func refused(message l2tp.MessageType, result l2tp.Result) Reason {
	result.Message = append([]byte(nil), result.Message...)
	text := fmt.Sprintf("%s from the peer: %s", message, result.Text(message))
	if message == l2tp.StopCCN && l2tp.StopCCNCode(result.Code) == l2tp.StopShuttingDown && len(result.Message) == 0 {
		text = "the peer has shut down"
	}
	return Reason{Cause: CauseRefused, Result: result, Text: text}
}
