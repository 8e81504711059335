package control

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// RFC 3931, Appendix B.1, with its sequence numbers.
func TestLockStepEstablishment(t *testing.T) {
	numbers := func(m *l2tp.Message, nr, ns uint16) {
		t.Helper()
		if m.Nr != nr || m.Ns != ns {
			t.Errorf("%s has Nr %d, Ns %d; want %d, %d", m.Type, m.Nr, m.Ns, nr, ns)
		}
	}
	t.Run("LCCE A", func(t *testing.T) {
		d := newDialogue(t, active)
		numbers(d.expect(l2tp.SCCRQ), 0, 0)
		d.send(l2tp.SCCRP, acking(1), numbered(0))
		d.call.ns = 1
		numbers(d.expect(l2tp.SCCCN), 1, 1)
		d.send(l2tp.ACK, acking(2), numbered(1))
		event[ConnectionUp](d)
	})
	t.Run("LCCE B", func(t *testing.T) {
		d := newDialogue(t)
		d.send(l2tp.SCCRQ)
		numbers(d.expect(l2tp.SCCRP), 1, 0)
		d.send(l2tp.SCCCN)
		numbers(d.expect(l2tp.ACK), 2, 1)
		event[ConnectionUp](d)
	})
}

// RFC 3931, Appendix B.2: the ICRP is lost. The Peer is LCCE B.
func TestLostPacketWithRetransmission(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	icrq := d.send(l2tp.ICRQ, ids(5, 0))
	d.expect(l2tp.ACK)
	s := event[CallIncoming](d).Session
	d.accept(s)
	if m := d.expect(l2tp.ICRP); m.Nr != 3 || m.Ns != 1 {
		t.Errorf("ICRP has Nr %d, Ns %d; want 3, 1", m.Nr, m.Ns)
	}
	// "Realizing that it has already seen this packet, LCCE B discards the packet and sends an ACK
	// message"
	d.wait(time.Second - 1)
	d.deliver(icrq)
	if m := d.expect(l2tp.ACK); m.Nr != 3 || m.Ns != 2 {
		t.Errorf("ACK has Nr %d, Ns %d; want 3, 2", m.Nr, m.Ns)
	}
	// "LCCE B's retransmit timer fires"
	d.wait(1)
	if m := d.expectAgain(l2tp.ICRP, 1); m.Nr != 3 {
		t.Errorf("retransmitted ICRP has Nr %d, want 3", m.Nr)
	}
	d.send(l2tp.ICCN, ids(5, s.ID))
	if m := d.expect(l2tp.ACK); m.Nr != 4 || m.Ns != 2 {
		t.Errorf("ACK has Nr %d, Ns %d; want 4, 2", m.Nr, m.Ns)
	}
	event[SessionUp](d)
}

// RFC 3931, section 4.2: a retransmission has the current Nr, and therefore another digest, which
// expect verifies.
func TestRetransmissionIsUpToDate(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	d.open("red")
	before := d.expect(l2tp.ICRQ)
	nr := d.call.nr
	d.send(l2tp.HELLO, acking(nr-1))
	d.expect(l2tp.ACK)
	d.wait(time.Second)
	again := d.expectAgain(l2tp.ICRQ, before.Ns)
	if again.Nr != before.Nr+1 || bytes.Equal(again.Digests[0].Sum, before.Digests[0].Sum) ||
		again.LocalSessionID != before.LocalSessionID || again.TieBreaker != before.TieBreaker {
		t.Errorf("retransmission %+v of %+v", again, before)
	}
}

// RFC 3931, sections 4.2 and 6.15: an ACK and a ZLB do not use a sequence number, and are not
// acknowledged, whatever their Ns is.
func TestAcknowledgementsAreNotAcknowledged(t *testing.T) {
	d := newDialogue(t, noSecret)
	d.scriptConnects()
	for _, m := range []l2tp.MessageType{l2tp.ACK, l2tp.ZLB} {
		d.send(m)
		d.send(m, numbered(77))
		d.send(m, numbered(0))
		d.expectNothing()
	}
	d.send(l2tp.HELLO)
	d.expect(l2tp.ACK)
}

// RFC 3931, section 4.2: a message that acknowledges a message never sent is invalid as a whole.
func TestInvalidNr(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	d.send(l2tp.StopCCN, acking(77))
	d.expectState(c, Established)
	if d.peer.Status().Drops[DropInvalidNr] != 1 || c.reliable.nr != 2 {
		t.Error("the invalid message was not dropped")
	}
}

// Messages received out of order are handled in order.
func TestReorderedMessages(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	icrq := d.encode(l2tp.ICRQ, ids(5, 0))
	cdn := d.encode(l2tp.CDN, ids(5, 0))
	hello := d.encode(l2tp.HELLO)
	d.deliver(hello)
	d.deliver(cdn)
	for range 2 {
		if m := d.expect(l2tp.ACK); m.Nr != 2 {
			t.Errorf("Nr %d, want 2", m.Nr)
		}
	}
	d.expectNoEvent()
	d.deliver(icrq)
	if m := d.expect(l2tp.ACK); m.Nr != 5 {
		t.Errorf("Nr %d, want 5", m.Nr)
	}
	s := event[CallIncoming](d).Session
	d.expectSessionDown(s, CauseRefused)
	d.deliver(cdn)
	d.expect(l2tp.ACK)
}

// The SCCCN is lost, and an ICRQ arrives before its retransmission.
func TestCallBeforeSCCCN(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	scccn := d.encode(l2tp.SCCCN)
	d.send(l2tp.ICRQ, ids(5, 0))
	d.expect(l2tp.ACK)
	d.expectNoEvent()
	d.deliver(scccn)
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
	event[CallIncoming](d)
}

// The peer's window bounds the number of outstanding messages.
func TestPeerWindowIsRespected(t *testing.T) {
	d := newDialogue(t)
	d.send(l2tp.SCCRQ, func(m *draft) { m.ReceiveWindow = 2 })
	d.expect(l2tp.SCCRP)
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	event[ConnectionUp](d)
	for i := range 5 {
		d.open(fmt.Sprint("vpn", i))
	}
	for _, n := range []int{2, 2, 1} {
		for range n {
			d.expect(l2tp.ICRQ)
		}
		d.expectNothing()
		d.send(l2tp.ACK)
	}
}
