package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

// Section 4.4: a HELLO after a time of silence, jittered, and the connection is down if it is not
// acknowledged.
func TestHello(t *testing.T) {
	d := newDialogue(t)
	c := d.scriptConnects()
	heard := d.now
	d.wait(45*time.Second - 1)
	d.expectNothing()
	d.wait(15 * time.Second)
	d.expect(l2tp.HELLO)
	sentAt := d.now
	d.send(l2tp.ACK)
	if c.LastHeard != sentAt || !heard.Before(sentAt) {
		t.Errorf("last heard %s, want %s", c.LastHeard, sentAt)
	}
	// Data counts as life.
	d.wait(40 * time.Second)
	d.peer.Established().DataReceived(d.now)
	d.wait(45*time.Second - 1)
	d.expectNothing()
	d.wait(15 * time.Second)
	d.expect(l2tp.HELLO)
	// Silence.
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
		t.Error("there is nobody left to wait for")
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
		silence := d.now.Sub(from)
		if silence < 45*time.Second || silence > 60*time.Second {
			t.Fatalf("HELLO after %s", silence)
		}
		seen[silence] = true
		d.send(l2tp.ACK)
	}
	if len(seen) < 40 {
		t.Errorf("%d different times in 50", len(seen))
	}
}

// What is not acknowledged yet proves as much as a HELLO would.
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
