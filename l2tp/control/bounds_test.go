package control

import (
	"fmt"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// The number of sessions that an authentic peer can create is bounded.
func TestTooManySessions(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.MaxSessions = 3 })
	c := d.scriptConnects()
	for id := range uint32(3) {
		d.scriptRequests(fmt.Sprint("vpn", id), id+1)
	}
	d.send(l2tp.ICRQ, ids(4, 0), endID("vpn4"))
	d.expectCDN(l2tp.CDNTemporaryFacilities, 4)
	d.send(l2tp.CDN, ids(1, 0))
	d.expect(l2tp.ACK)
	event[SessionDown](d)
	d.scriptRequests("vpn5", 5)
	if len(c.sessions) != 3 {
		t.Errorf("%d sessions, want 3", len(c.sessions))
	}
}

// Settled sessions are removed from Connection.opening, even if the first session in it stays half
// open.
func TestSettledSessionsAreNotKept(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	d.scriptRequests("red", 1)
	for id := range uint32(1000) {
		d.scriptRequests("blue", id+2)
		d.send(l2tp.CDN, ids(id+2, 0))
		d.expect(l2tp.ACK)
		event[SessionDown](d)
	}
	if len(c.opening) > 24 || len(c.sessions) != 1 || len(c.byPeer) != 1 {
		t.Errorf("%d opening, %d sessions, %d by the peer's ID; want at most 24, 1 and 1", len(c.opening), len(c.sessions), len(c.byPeer))
	}
}

// The messages of a peer that acknowledges none of our answers are dropped once our queue is full.
func TestUnacknowledgedAnswersAreBounded(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.MaxSessions = 8 })
	c := d.scriptConnects()
	nr := d.call.nr
	for range 1000 {
		d.send(l2tp.ICRQ, ids(5, 0), ethernet, acking(nr))
	}
	if n := len(c.reliable.queue); n != 4*8 {
		t.Errorf("%d answers queued, want 32", n)
	}
	if d.peer.Status().Drops[DropWindow] != 1000-32 {
		t.Error("the other requests were not dropped")
	}
	d.sent = nil
	d.wait(testCycle)
	d.sent = nil
	d.expectConnectionDown(CauseSilent)
}

// An unauthenticated SCCRQ costs the verification of a digest, and leaves no state.
func TestUnauthenticatedMessagesLeaveNoState(t *testing.T) {
	d := newDialogue(t)
	d.key = l2tp.NewKey([]byte("guess"))
	for range 1000 {
		d.newCall()
		d.send(l2tp.SCCRQ)
	}
	d.expectUnauthenticated(1000)
	if len(d.peer.live())+len(d.peer.closing) != 0 || !d.peer.Deadline().IsZero() {
		t.Error("unauthenticated SCCRQs left state")
	}
}

// The numbers of half-open and of closing connections that an authentic peer can create are
// bounded.
func TestConnectionsAreBounded(t *testing.T) {
	d := newDialogue(t, noSecret)
	for range 100 {
		d.newCall()
		d.send(l2tp.SCCRQ)
		d.expect(l2tp.SCCRP)
		if len(d.peer.incoming) > maxIncoming {
			t.Fatalf("%d half-open connections, want %d at most", len(d.peer.incoming), maxIncoming)
		}
	}
	for range 100 {
		d.newCall()
		d.send(l2tp.SCCRQ)
		d.expect(l2tp.SCCRP)
		d.send(l2tp.SCCCN)
		d.expect(l2tp.ACK)
		event[ConnectionUp](d)
		d.send(l2tp.StopCCN)
		d.expect(l2tp.ACK)
		d.expectConnectionDown(CauseRefused)
		if len(d.peer.closing) > maxClosing {
			t.Fatalf("%d closing connections, want %d at most", len(d.peer.closing), maxClosing)
		}
	}
}
