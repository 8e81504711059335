package control

import (
	"fmt"
	"testing"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// What an authentic but hostile peer can make us hold is bounded.
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
		t.Errorf("%d sessions", len(c.sessions))
	}
}

// Sessions that come and go behind one that stays half open are not kept on its account.
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
		t.Errorf("%d opening, %d sessions, %d by the peer's ID; want 1", len(c.opening), len(c.sessions), len(c.byPeer))
	}
}

// A peer that goes on asking, and acknowledges none of the answers, is not listened to any more.
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
		t.Error("the rest is not dropped")
	}
	d.sent = nil
	d.wait(testCycle)
	d.sent = nil
	d.expectConnectionDown(CauseSilent)
}

// What an unauthenticated sender costs is the check of a digest.
func TestUnauthenticatedMessagesLeaveNoState(t *testing.T) {
	d := newDialogue(t)
	d.key = l2tp.NewKey([]byte("guess"))
	for range 1000 {
		d.newCall()
		d.send(l2tp.SCCRQ)
	}
	d.expectUnauthenticated(1000)
	if len(d.peer.live())+len(d.peer.closing) != 0 || !d.peer.Deadline().IsZero() {
		t.Error("there is state")
	}
}

// What an authentic one can make us hold, too, is bounded: half-open connections, and those that
// linger.
func TestConnectionsAreBounded(t *testing.T) {
	d := newDialogue(t, noSecret)
	for range 100 {
		d.newCall()
		d.send(l2tp.SCCRQ)
		d.expect(l2tp.SCCRP)
		if len(d.peer.incoming) > maxIncoming {
			t.Fatalf("%d half-open connections", len(d.peer.incoming))
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
			t.Fatalf("%d connections linger", len(d.peer.closing))
		}
	}
}
