package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// RFC 3931 defines no timer for a peer that acknowledges but does not proceed. Here it is a full
// retransmission cycle and one more interval.
func TestHalfOpenTimesOut(t *testing.T) {
	t.Run("wait-ctl-reply", func(t *testing.T) {
		d := newDialogue(t, noSecret, active)
		d.expect(l2tp.SCCRQ)
		d.send(l2tp.ACK, acking(1))
		d.wait(testLimit - time.Second)
		d.expectNothing()
		d.wait(time.Second)
		m := d.expectStop(l2tp.StopFSMError)
		if m.ConnectionID != 0 || m.AssignedConnectionID != d.call.peerID {
			t.Error("the StopCCN to a peer with unknown ID does not assign ours (section 5.4.3)")
		}
		d.expectConnectionDown(CauseTimeout)
	})
	t.Run("wait-ctl-conn", func(t *testing.T) {
		d := newDialogue(t)
		d.send(l2tp.SCCRQ)
		d.expect(l2tp.SCCRP)
		d.send(l2tp.ACK)
		d.wait(testLimit)
		d.expectStop(l2tp.StopFSMError)
		d.expectConnectionDown(CauseTimeout)
	})
	t.Run("no acknowledgement at all", func(t *testing.T) {
		d := newDialogue(t, active)
		d.expect(l2tp.SCCRQ)
		d.wait(testCycle)
		for range 10 {
			d.expectAgain(l2tp.SCCRQ, 0)
		}
		d.expectConnectionDown(CauseSilent)

		d = newDialogue(t)
		d.send(l2tp.SCCRQ)
		d.expect(l2tp.SCCRP)
		d.wait(testCycle)
		for range 10 {
			d.expectAgain(l2tp.SCCRP, 0)
		}
		d.expectConnectionDown(CauseSilent)
	})
	t.Run("stopping", func(t *testing.T) {
		d := newDialogue(t)
		d.scriptConnects()
		d.stop()
		d.expectStop(l2tp.StopShuttingDown)
		d.expectConnectionDown(CauseClosed)
		for range 10 {
			d.wait(8 * time.Second)
		}
		for len(d.sent) > 0 {
			d.expectAgain(l2tp.StopCCN, 1)
		}
		if !d.peer.Done() || !d.peer.Deadline().IsZero() {
			t.Error("not done after a full retransmission cycle (section 4.2)")
		}
	})
}

// A StopCCN that crosses ours is acknowledged for a full cycle, as any other (section 3.3.2). Ours
// needs no acknowledgement then.
func TestStopCCNsCross(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	d.stop()
	d.expectStop(l2tp.StopShuttingDown)
	d.expectConnectionDown(CauseClosed)
	d.call.nr = 1 // the script has not seen it
	again := d.send(l2tp.StopCCN)
	d.expectAgain(l2tp.ACK, 2)
	if !d.peer.Done() {
		t.Error("not done although our StopCCN needs no acknowledgement any more")
	}
	d.expectState(c, Stopped)
	d.deliver(again)
	d.expectAgain(l2tp.ACK, 2)
	d.wait(testCycle)
	if len(d.peer.closing) != 0 {
		t.Error("the connection is kept for longer than a cycle")
	}
}

// After our StopCCN received messages are acknowledged and otherwise ignored.
func TestStoppingIgnoresOtherMessages(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	d.stop()
	d.expectStop(l2tp.StopShuttingDown)
	d.expectConnectionDown(CauseClosed)
	d.call.nr = 1 // the script has not seen it
	d.send(l2tp.SCCRP)
	d.expectAgain(l2tp.ACK, 2)
	d.send(l2tp.ICRQ, ids(5, 0))
	d.expectAgain(l2tp.ACK, 2)
	d.call.nr = 2
	d.send(l2tp.ACK)
	if !d.peer.Done() {
		t.Error("not done after the acknowledgement of our StopCCN")
	}
}

// Messages that were queued but never sent when the peer stops use no sequence numbers.
func TestStopCCNWhileMessagesWait(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.Hello = 0 })
	d.scriptConnects()
	var sessions []*Session
	for _, name := range []string{"red", "blue", "green", "grey"} {
		sessions = append(sessions, d.open(name))
	}
	d.expect(l2tp.ICRQ)
	d.expect(l2tp.ICRQ)
	d.expectNothing() // limited by the congestion window
	d.send(l2tp.StopCCN)
	if m := d.expect(l2tp.ACK); m.Ns != 3 {
		t.Errorf("Ns %d, want 3", m.Ns)
	}
	for range sessions {
		if e := event[SessionDown](d); e.Why.Cause != CauseParent {
			t.Errorf("SessionDown %+v", e.Why)
		}
	}
	d.expectConnectionDown(CauseRefused)
	d.wait(testCycle)
}

// The connection of a StopCCN from a peer that does not know our ID is found by reverse lookup
// (section 5.4.3), while the connection is half open.
func TestStopCCNByReverseLookup(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ)
	m := d.expect(l2tp.SCCRP)
	d.call.peerID, d.call.peerNonce = 0, nil // the SCCRP was lost
	stop := d.send(l2tp.StopCCN)
	d.call.peerNonce = m.Nonce
	d.expect(l2tp.ACK)
	d.expectConnectionDown(CauseRefused)
	d.deliver(stop)
	d.expect(l2tp.ACK)
}

func TestNoReverseLookupWhenEstablished(t *testing.T) {
	d := newDialogue(t, noSecret)
	c := d.scriptConnects()
	d.call.peerID = 0
	d.send(l2tp.StopCCN)
	d.expectState(c, Established)
}

// A restarted peer never acknowledges the StopCCN for its previous connection. Done does not wait
// for that acknowledgement.
func TestDoneIgnoresReplacedConnection(t *testing.T) {
	d := newDialogue(t)
	old := d.scriptConnects()
	d.newCall()
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.send(l2tp.SCCCN)
	d.sent = d.sent[1:] // the StopCCN for the old connection, never acknowledged
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
	d.expectState(old, Stopping)
	d.wait(time.Millisecond)
	d.stop()
	if d.peer.Done() {
		t.Error("done before the peer has acknowledged the StopCCN")
	}
	d.expectStop(l2tp.StopShuttingDown)
	d.expectConnectionDown(CauseClosed)
	d.send(l2tp.ACK)
	if !d.peer.Done() {
		t.Error("not done after the acknowledgement of the StopCCN")
	}
}
