package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// RFC 3931, section 4.4: a HELLO is sent after a jittered time without messages. The connection
// ends if it is not acknowledged.
func TestHello(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	lastHeard := d.now
	d.wait(45*time.Second - 1)
	d.expectNothing()
	d.wait(15 * time.Second)
	d.expect(l2tp.HELLO)
	sentAt := d.now
	d.send(l2tp.ACK)
	if c.LastHeard != sentAt || !lastHeard.Before(sentAt) {
		t.Errorf("last lastHeard %s, want %s", c.LastHeard, sentAt)
	}
	// Received data postpones the HELLO.
	d.wait(40 * time.Second)
	d.peer.Established().DataReceived(d.now)
	d.wait(45*time.Second - 1)
	d.expectNothing()
	d.wait(15 * time.Second)
	d.expect(l2tp.HELLO)
	// The peer no longer answers.
	d.wait(testCycle - 20*time.Second)
	for range 8 {
		d.expectAgain(l2tp.HELLO, 2)
	}
	d.expectState(c, Established)
	d.wait(20 * time.Second)
	for len(d.sent) > 0 {
		d.expectAgain(l2tp.HELLO, 2)
	}
	d.expectConnectionDown(CauseSilent)
	if len(d.peer.closing) != 0 {
		t.Error("the connection is kept although the peer does not answer")
	}
}

func TestHelloJitter(t *testing.T) {
	seen := map[time.Duration]bool{}
	d := newDialogue(t)
	d.scriptConnects()
	for range 50 {
		from := d.now
		d.wait(d.peer.Deadline().Sub(d.now))
		d.expect(l2tp.HELLO)
		interval := d.now.Sub(from)
		if interval < 45*time.Second || interval > 60*time.Second {
			t.Fatalf("HELLO after %s, want 45s to 60s", interval)
		}
		seen[interval] = true
		d.send(l2tp.ACK)
	}
	if len(seen) < 40 {
		t.Errorf("%d different times in 50, want 40 at least", len(seen))
	}
}

// No HELLO is sent while another message is unacknowledged, because that tests the peer as well.
func TestNoHelloBesideAnotherMessage(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.Hello = 3 * time.Second })
	d.scriptConnects()
	d.wait(2 * time.Second)
	d.open("red")
	d.expect(l2tp.ICRQ)
	d.wait(4 * time.Second)
	d.expectAgain(l2tp.ICRQ, 1)
	d.expectAgain(l2tp.ICRQ, 1)
	d.send(l2tp.ACK)
	d.wait(3 * time.Second)
	d.expect(l2tp.HELLO)
}

func TestHelloFromPeer(t *testing.T) {
	d := newDialogue(t)
	d.scriptConnects()
	d.send(l2tp.HELLO)
	d.expect(l2tp.ACK)
}
