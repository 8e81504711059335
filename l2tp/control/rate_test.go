package control

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/l2tp"
)

func TestBucket(t *testing.T) {
	r := Rate{PerSecond: 5, Burst: 10}
	var b bucket
	taken := func(now time.Time, tries int) (n int) {
		for range tries {
			if b.take(now, r) {
				n++
			}
		}
		return n
	}
	steps := []struct {
		after time.Duration
		tries int
		want  int
	}{
		{0, 100, 10},                     // the burst
		{199 * time.Millisecond, 100, 0}, // a token takes 200 ms
		{time.Millisecond, 100, 1},
		{time.Second, 100, 5},
		{time.Second, 3, 3},
		{400 * time.Millisecond, 100, 4}, // with the tokens not taken before
		{time.Hour, 100, 10},             // at most the burst
	}
	now := epoch
	for i, step := range steps {
		now = now.Add(step.after)
		if got := taken(now, step.tries); got != step.want {
			t.Errorf("step %d: %d taken, want %d", i, got, step.want)
		}
	}
}

// RFC 3931, section 4.3: the rate of SCCRQs may be limited. Beyond the rate no digest is computed,
// so the same message is dropped as unauthenticated within the rate, and for the rate beyond it.
func TestRateOfSCCRQs(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.Admission = Rate{} })
	right := d.key
	d.key = l2tp.NewKey([]byte("guess"))
	for range 100 {
		d.newCall()
		d.send(l2tp.SCCRQ)
	}
	if drops := d.peer.Status().Drops; drops[DropUnauthenticated] != 10 || drops[DropRate] != 90 {
		t.Errorf("drops %v, want 10 unauthenticated, and 90 beyond the rate", drops)
	}
	d.key = right
	d.newCall()
	sccrq := d.send(l2tp.SCCRQ)
	d.expectNothing() // the limit affects the authentic peer, too, until it retransmits
	d.wait(time.Second)
	d.deliver(sccrq)
	d.expect(l2tp.SCCRP)
	d.send(l2tp.SCCCN)
	d.expect(l2tp.ACK)
	c := event[ConnectionUp](d).Connection

	// A flood does not affect the established connection.
	d.key = l2tp.NewKey([]byte("guess"))
	established := d.call
	for range 100 {
		d.newCall()
		d.send(l2tp.SCCRQ)
	}
	d.expectNothing()
	d.key, d.call = right, established
	d.expectState(c, Established)
	d.scriptOpens("red", 5)
}

// A StopCCN with connection ID 0 costs a digest, too, if reverse lookup finds a connection.
func TestRateOfStopCCNs(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.Admission = Rate{PerSecond: 1, Burst: 3} })
	d.send(l2tp.SCCRQ)
	d.expect(l2tp.SCCRP)
	d.key = l2tp.NewKey([]byte("guess"))
	d.call.peerID = 0
	for range 10 {
		d.send(l2tp.StopCCN)
	}
	if drops := d.peer.Status().Drops; drops[DropUnauthenticated] != 2 || drops[DropRate] != 8 {
		t.Errorf("drops %v, want 2 unauthenticated, and 8 beyond the rate", drops)
	}
	d.expectState(d.peer.incoming[0], WaitCtlConn)
}

// Messages that are dropped without computing a digest do not use the rate.
func TestCheapDropsUseNoTokens(t *testing.T) {
	d := newDialogue(t, func(c *Config) { c.Admission = Rate{PerSecond: 1, Burst: 2} })
	sccrq := d.encode(l2tp.SCCRQ)
	v2 := append([]byte(nil), sccrq...)
	v2[1] = 2
	v2 = append(v2[:l2tp.HeaderLen], 0x80, 8, 0, 0, 0, 0, 0, 1)
	v2[2], v2[3] = 0, byte(len(v2))
	for range 100 {
		d.deliver(v2)
		d.send(l2tp.StopCCN) // for an unknown connection
		d.send(l2tp.HELLO)
		d.deliver(sccrq[:20])
	}
	if d.peer.Status().Drops[DropRate] != 0 {
		t.Error("messages without a digest computation were limited")
	}
	d.deliver(sccrq)
	d.expect(l2tp.SCCRP)
}
