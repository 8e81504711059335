package control

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// end sends a StopCCN with result and cleans up; reliable delivery goes on until the peer has
// acknowledged it (RFC 3931 section 4.2).
func (c *Connection) end(now time.Time, result l2tp.Result, why Reason, out *Output) {
	m := c.message(l2tp.StopCCN)
	m.AssignedConnectionID = c.ID
	m.Has.Add(l2tp.AVPAssignedConnectionID)
	setResult(m, result)
	c.queue(m)
	c.transition(now, Stopping)
	c.cleanUp(now, why, out)
	c.flush(now, out)
}

// fail ends the connection for what its result says.
func (c *Connection) fail(now time.Time, result l2tp.Result, cause Cause, out *Output) {
	c.end(now, result, Reason{Cause: cause, Result: result, Text: result.Text(l2tp.StopCCN)}, out)
}

// handleStopCCN takes the peer's StopCCN. The connection stays to acknowledge its retransmissions (RFC
// 3931 section 3.3.2), even if ours has crossed it, which needs no acknowledgement any more.
func (c *Connection) handleStopCCN(now time.Time, m *l2tp.Message, out *Output) {
	if c.PeerID == 0 {
		c.PeerID = m.AssignedConnectionID // so that the acknowledgement finds its way
	}
	c.reliable.abandon()
	ended := c.State == Stopping
	why := refused(l2tp.StopCCN, m.Result)
	if c.State == WaitCtlReply && l2tp.StopCCNCode(m.Result.Code) == l2tp.StopAlreadyExists {
		why.Text = "both sides called at once; the peer's call is taken, and is to follow"
	}
	c.transition(now, Stopped)
	if !ended {
		c.cleanUp(now, why, out)
	}
}

// giveUp gives up on a peer that has acknowledged nothing for a full cycle. There is nobody left to
// tell.
func (c *Connection) giveUp(now time.Time, out *Output) {
	if c.State == Stopping {
		c.peer.remove(c)
		return
	}
	c.transition(now, Idle)
	text := fmt.Sprintf("no answer to %d transmissions in %s", c.peer.cfg.Timing.MaxRetries+1, c.peer.cfg.Timing.Cycle())
	c.cleanUp(now, Reason{Cause: CauseSilent, Text: text}, out)
}

// handleStateTimeout ends a state that has lasted too long. RFC 3931 has no timer for a peer that acknowledges
// and goes no further.
func (c *Connection) handleStateTimeout(now time.Time, out *Output) {
	if c.State == Stopping || c.State == Stopped {
		c.peer.remove(c)
		return
	}
	text := fmt.Sprintf("the peer left the control connection in state %s", c.State)
	result := stopError(l2tp.StopFSMError, text)
	c.end(now, result, Reason{Cause: CauseTimeout, Result: result, Text: text}, out)
}

// discard gives up our attempt without a word, as RFC 3931 section 5.4.3 wants of one that has lost
// a tie.
func (c *Connection) discard(now time.Time, text string, out *Output) {
	c.transition(now, Idle)
	c.cleanUp(now, Reason{Cause: CauseTie, Text: text}, out)
}

// cleanUp ends the sessions and tells the Peer and the owner.
func (c *Connection) cleanUp(now time.Time, why Reason, out *Output) {
	down := Reason{Cause: CauseParent, Result: why.Result, Text: "the control connection ended: " + why.Text}
	for _, id := range slices.Sorted(maps.Keys(c.sessions)) {
		s := c.sessions[id]
		s.forget()
		out.event(SessionDown{s, down})
	}
	c.peer.ended(now, c, why, out)
}
