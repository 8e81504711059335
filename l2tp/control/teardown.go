package control

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// end sends a StopCCN with result and cleans up. Reliable delivery continues until the peer has
// acknowledged the StopCCN (RFC 3931, section 4.2).
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

// fail ends the connection with a StopCCN. The result is also the reason.
func (c *Connection) fail(now time.Time, result l2tp.Result, cause Cause, out *Output) {
	c.end(now, result, Reason{Cause: cause, Result: result, Text: result.Text(l2tp.StopCCN)}, out)
}

// handleStopCCN handles the peer's StopCCN. The connection remains in state Stopped to acknowledge
// retransmissions (RFC 3931, section 3.3.2), also if a StopCCN of ours crossed it. Ours no longer
// needs an acknowledgement then.
func (c *Connection) handleStopCCN(now time.Time, m *l2tp.Message, out *Output) {
	if c.PeerID == 0 {
		c.PeerID = m.AssignedConnectionID // the destination of the acknowledgement
	}
	c.reliable.abandon()
	ended := c.State == Stopping
	why := refused(l2tp.StopCCN, m.Result)
	if c.State == WaitCtlReply && l2tp.StopCCNCode(m.Result.Code) == l2tp.StopAlreadyExists {
		why.Text = "both ends requested a control connection at the same time; the peer's request won the tie"
	}
	c.transition(now, Stopped)
	if !ended {
		c.cleanUp(now, why, out)
	}
}

// giveUp ends the connection to a peer that has acknowledged nothing for a full retransmission
// cycle. It sends no StopCCN, because the peer does not answer.
func (c *Connection) giveUp(now time.Time, out *Output) {
	if c.State == Stopping {
		c.peer.remove(c)
		return
	}
	c.transition(now, Idle)
	text := fmt.Sprintf("no answer to %d transmissions in %s", c.peer.cfg.Timing.MaxRetries+1, c.peer.cfg.Timing.Cycle())
	c.cleanUp(now, Reason{Cause: CauseSilent, Text: text}, out)
}

// handleStateTimeout ends a connection whose state has lasted too long. RFC 3931 defines no timer
// for a peer that acknowledges messages but does not proceed.
func (c *Connection) handleStateTimeout(now time.Time, out *Output) {
	if c.State == Stopping || c.State == Stopped {
		c.peer.remove(c)
		return
	}
	text := fmt.Sprintf("the peer did not complete the connection setup (state %s)", c.State)
	result := stopError(l2tp.StopFSMError, text)
	c.end(now, result, Reason{Cause: CauseTimeout, Result: result, Text: text}, out)
}

// discard ends our attempt without a StopCCN, as RFC 3931, section 5.4.3, requires after a tie that
// is lost or equal.
func (c *Connection) discard(now time.Time, text string, out *Output) {
	c.transition(now, Idle)
	c.cleanUp(now, Reason{Cause: CauseTie, Text: text}, out)
}

// cleanUp ends the sessions, and notifies the Peer and the owner.
func (c *Connection) cleanUp(now time.Time, why Reason, out *Output) {
	down := Reason{Cause: CauseParent, Result: why.Result, Text: "the control connection ended: " + why.Text}
	for _, id := range slices.Sorted(maps.Keys(c.sessions)) {
		s := c.sessions[id]
		s.forget()
		out.event(SessionDown{s, down})
	}
	c.peer.ended(now, c, why, out)
}
