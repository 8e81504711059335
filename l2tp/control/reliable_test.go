package control

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

var testTiming = Timing{Initial: time.Second, Cap: 8 * time.Second, MaxRetries: 10}

// sending returns a reliable with n queued messages, to a peer with that window.
func sending(n, window int) *reliable {
	r := newReliable(testTiming, 16)
	r.setPeerWindow(window)
	for range n {
		r.push(make([]byte, l2tp.HeaderLen))
	}
	return &r
}

// burst sends all messages that the windows allow, and returns their Ns.
func burst(r *reliable, now time.Time) []uint16 {
	var numbers []uint16
	for m := r.next(now); m != nil; m = r.next(now) {
		numbers = append(numbers, binary.BigEndian.Uint16(m[offsetNs:]))
	}
	return numbers
}

func from(first uint16, n int) []uint16 {
	var numbers []uint16
	for i := range n {
		numbers = append(numbers, first+uint16(i))
	}
	return numbers
}

// RFC 3931, Appendix A: CWND starts at one. It grows by one with each acknowledgement up to
// SSTHRESH, which is the advertised window at first; then by one with every CWND acknowledgements;
// and never beyond the window.
func TestSlowStart(t *testing.T) {
	r := sending(100, 8)
	next, acked := uint16(0), uint16(0)
	for _, want := range []int{1, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1} {
		got := burst(r, epoch)
		if !slices.Equal(got, from(next, want)) {
			t.Fatalf("after %d acknowledgements %v are sent, want %d messages from %d on", acked, got, want, next)
		}
		next += uint16(want)
		acked++
		r.acknowledge(epoch, acked)
	}
	if r.cwnd != 8 {
		t.Errorf("CWND %d, want 8 as the window", r.cwnd)
	}
}

// RFC 3931, Appendix A: a time-out saves half of CWND in SSTHRESH and sets CWND to one.
func TestCongestionAvoidance(t *testing.T) {
	r := sending(200, 20)
	acked := uint16(0)
	ack := func(n int) {
		for range n {
			burst(r, epoch)
			acked++
			r.acknowledge(epoch, acked)
		}
	}
	check := func(when string, cwnd, ssthresh int) {
		t.Helper()
		if r.cwnd != cwnd || r.ssthresh != ssthresh {
			t.Fatalf("%s: CWND %d, SSTHRESH %d, want %d and %d", when, r.cwnd, r.ssthresh, cwnd, ssthresh)
		}
	}
	check("at first", 1, 20)
	ack(11)
	check("after 11 acknowledgements", 12, 20)
	sent := burst(r, epoch)
	if r.expire(r.resendAt) {
		t.Fatal("gave up")
	}
	check("after a time-out", 1, 6)
	if got := burst(r, epoch); !slices.Equal(got, from(acked, 1)) {
		t.Fatalf("%v are retransmitted, want %d only", got, acked)
	}
	ack(5)
	check("in slow start again", 6, 6)
	ack(5)
	check("in congestion avoidance", 6, 6)
	ack(1)
	check("after CWND acknowledgements", 7, 6)
	ack(7)
	check("after CWND further acknowledgements", 8, 6)
	if len(sent) == 0 || r.retransmitted == 0 {
		t.Error("no message was retransmitted")
	}
}

// RFC 2581, section 3.2: three duplicate acknowledgements indicate a lost message. RFC 5827,
// section 2.1: with few messages in flight, fewer duplicates do.
func TestFastRetransmit(t *testing.T) {
	for _, tt := range []struct {
		inFlight, repeats int
		again             bool
	}{
		{1, 5, false}, // no other message can have arrived before the missing one
		{2, 0, false},
		{2, 1, true},
		{3, 1, false},
		{3, 2, true},
		{4, 2, false},
		{4, 3, true},
		{8, 2, false},
		{8, 3, true},
		{8, 7, true},
	} {
		r := sending(20, tt.inFlight)
		r.cwnd = tt.inFlight
		burst(r, epoch)
		for range tt.repeats {
			r.duplicateAck(0)
		}
		sent := burst(r, epoch)
		if tt.again != slices.Equal(sent, from(0, 1)) || !tt.again && len(sent) > 0 {
			t.Errorf("%d messages in flight, %d duplicate acknowledgements: %v are sent", tt.inFlight, tt.repeats, sent)
		}
		if tt.again && (r.ssthresh != tt.inFlight/2 || r.cwnd != 1 || r.retries != 0) {
			t.Errorf("%d in flight: SSTHRESH %d, CWND %d, %d retries", tt.inFlight, r.ssthresh, r.cwnd, r.retries)
		}
	}
}

// Duplicate acknowledgements received after the retransmission were caused by earlier messages, and
// are ignored. Once the retransmitted message is acknowledged, duplicates indicate the next loss.
func TestFastRetransmitOnce(t *testing.T) {
	r := sending(20, 8)
	r.cwnd = 8
	burst(r, epoch) // 0 and 4 are lost
	r.acknowledge(epoch, 0)
	for range 5 {
		r.duplicateAck(0)
	}
	if got := burst(r, epoch); !slices.Equal(got, from(0, 1)) {
		t.Fatalf("%v are retransmitted, want 0 only", got)
	}
	for range 5 {
		r.duplicateAck(0)
	}
	if got := burst(r, epoch); got != nil {
		t.Fatalf("%v are sent after duplicates caused by earlier messages", got)
	}
	r.acknowledge(epoch, 4)
	if got := burst(r, epoch); !slices.Equal(got, from(4, 2)) {
		t.Fatalf("%v are retransmitted, want 4 and 5, in slow start", got)
	}
	r.duplicateAck(0)
	r.duplicateAck(4)
	if got := burst(r, epoch); !slices.Equal(got, from(4, 1)) {
		t.Fatalf("%v are sent, want 4, which was lost again", got)
	}
}

// An acknowledgement of several messages counts as one in CWND.
func TestCumulativeAcknowledgement(t *testing.T) {
	r := sending(10, 4)
	for _, nr := range []uint16{1, 3} {
		burst(r, epoch)
		r.acknowledge(epoch, nr)
	}
	if r.cwnd != 3 || len(r.queue) != 7 {
		t.Errorf("CWND %d, %d messages left, want 3 and 7", r.cwnd, len(r.queue))
	}
}

// RFC 3931, section 5.4.3: the window of a peer that advertises none is 4. A peer that advertises 0
// gets one message at a time.
func TestPeerWindow(t *testing.T) {
	r := newReliable(testTiming, 16)
	if r.peerWindow != 4 {
		t.Errorf("window %d by default, want 4", r.peerWindow)
	}
	for _, test := range [][2]int{{0, 1}, {1, 1}, {16, 16}, {65535, maxWindow}} {
		r.cwnd = 2
		r.setPeerWindow(test[0])
		if r.peerWindow != test[1] || r.cwnd > r.peerWindow {
			t.Errorf("window %d becomes %d, CWND %d", test[0], r.peerWindow, r.cwnd)
		}
	}
}

// RFC 3931, section 4.2: each interval is twice the previous one, 8 seconds at most. After
// MaxRetries the connection ends.
func TestBackOff(t *testing.T) {
	r := sending(1, 4)
	burst(r, epoch)
	now := epoch
	for i, seconds := range []time.Duration{1, 2, 4, 8, 8, 8, 8, 8, 8, 8} {
		if r.expire(now.Add(seconds*time.Second - 1)) {
			t.Fatal("gave up early")
		}
		if len(burst(r, now)) != 0 {
			t.Fatalf("retransmission %d too early", i+1)
		}
		now = now.Add(seconds * time.Second)
		if r.expire(now) || !slices.Equal(burst(r, now), []uint16{0}) || r.retries != i+1 {
			t.Fatalf("no retransmission %d after %d seconds", i+1, seconds)
		}
	}
	if r.expire(now.Add(8*time.Second-1)) || !r.expire(now.Add(8*time.Second)) {
		t.Error("did not give up after the full cycle")
	}
	if cycle := now.Add(8 * time.Second).Sub(epoch); cycle != testTiming.Cycle() || cycle != testCycle {
		t.Errorf("gave up after %s, Cycle is %s", cycle, testTiming.Cycle())
	}
}

// The operator may configure more retransmissions than a duration can be doubled.
func TestBackOffDoesNotOverflow(t *testing.T) {
	long := Timing{Initial: time.Second, Cap: time.Minute, MaxRetries: 100}
	if got, want := long.Cycle(), (1+2+4+8+16+32+95*60)*time.Second; got != want {
		t.Errorf("cycle %s, want %s", got, want)
	}
	slow := Timing{Initial: 20 * time.Second, Cap: time.Hour, MaxRetries: 100}
	if got, want := slow.Cycle(), (20*(1<<8-1)+93*3600)*time.Second; got != want {
		t.Errorf("cycle %s, want %s", got, want)
	}
	b := timing.Backoff{Min: time.Second, Max: time.Minute}
	for n := range 100 {
		if d := b.Delay(n, 1<<32-1); d > time.Minute || d < min(time.Minute, time.Second<<min(n, 6))*9/10 {
			t.Errorf("delay %s after failure %d, want 90%% of the interval at least, 1m0s at most", d, n)
		}
	}
}

// The back-off restarts with each acknowledged message.
func TestBackOffRestarts(t *testing.T) {
	r := sending(2, 4)
	r.cwnd = 2
	burst(r, epoch)
	now := epoch.Add(time.Second)
	r.expire(now)
	burst(r, now)
	r.acknowledge(now, 1)
	burst(r, now)
	if r.retries != 0 || r.resendAt != now.Add(time.Second) {
		t.Errorf("%d retries, next in %s; want 0, 1s", r.retries, r.resendAt.Sub(now))
	}
	r.acknowledge(now, 2)
	if !r.idle() || !r.resendAt.IsZero() {
		t.Error("the timer is running without messages")
	}
}

// RFC 3931, section 4.2: "less than or equal" are the last number and the 32767 before it.
func TestArrival(t *testing.T) {
	tests := []struct {
		nr, ns uint16
		want   arrival
	}{
		{16, 16, deliver},
		// "if the last received sequence number was 15, then messages with sequence numbers 0
		// through 15, as well as 32784 through 65535, would be considered less than or equal"
		{16, 15, duplicate},
		{16, 0, duplicate},
		{16, 65535, duplicate},
		{16, 32784, duplicate},
		{16, 32783, discard},
		{16, 17, hold},
		{16, 31, hold},
		{16, 32, discard}, // the window is 16
		{0, 0, deliver},
		{0, 65535, duplicate},
		{0, 32768, duplicate}, // a distance of exactly 32768
		{0, 32767, discard},
		{65535, 65535, deliver},
		{65535, 0, hold},
		{65535, 14, hold},
		{65535, 15, discard},
		{65535, 32767, duplicate},
		{65535, 32766, discard},
		{65530, 65529, duplicate},
	}
	for _, test := range tests {
		r := newReliable(testTiming, 16)
		r.nr = test.nr
		if got := r.receive(test.ns); got != test.want || !r.ackDue {
			t.Errorf("Ns %d received, %d expected: treatment %d, want %d and an acknowledgement due", test.nr, test.ns, got, test.want)
		}
	}
}

// An Nr beyond the sent messages is invalid. An old Nr is valid and acknowledges nothing.
func TestAcknowledgementNumbers(t *testing.T) {
	for _, base := range []uint16{0, 100, 65534} {
		tests := []struct {
			nr    uint16 // relative to the oldest of three sent messages; a fourth is queued
			valid bool
			left  int
		}{
			{0, true, 4},
			{1, true, 3},
			{3, true, 1},
			{4, false, 4}, // queued, not sent yet
			{5, false, 4},
			{32767, false, 4},
			{32768, false, 4}, // a distance of exactly 32768 is not less than or equal
			{32769, true, 4},
			{65535, true, 4},
		}
		for _, test := range tests {
			r := newReliable(testTiming, 16)
			r.ns, r.cwnd = base, 3
			for range 4 {
				r.push(make([]byte, l2tp.HeaderLen))
			}
			burst(&r, epoch)
			if got := r.acknowledge(epoch, base+test.nr); got != test.valid || len(r.queue) != test.left {
				t.Errorf("Nr %d+%d: valid %t, %d queued, want %t and %d", base, test.nr, got, len(r.queue), test.valid, test.left)
			}
		}
	}
}

// Ns and Nr wrap around.
func TestWraparound(t *testing.T) {
	a, b := newReliable(testTiming, 16), newReliable(testTiming, 16)
	a.ns, b.nr = 65530, 65530
	for i := range 100 {
		m := binary.BigEndian.AppendUint32(make([]byte, l2tp.HeaderLen), uint32(i))
		a.push(m)
		for m := a.next(epoch); m != nil; m = a.next(epoch) {
			ns := binary.BigEndian.Uint16(m[offsetNs:])
			if ns != uint16(65530+i) || b.receive(ns) != deliver || b.receive(ns) != duplicate {
				t.Fatalf("message %d with Ns %d is not delivered exactly once", i, ns)
			}
		}
		if !a.acknowledge(epoch, b.nr) || !a.idle() {
			t.Fatalf("message %d is not acknowledged", i)
		}
	}
}

// Messages received out of order are delivered in order, each once.
func TestOutOfOrder(t *testing.T) {
	r := newReliable(testTiming, 4)
	receive := func(ns uint16, want arrival) {
		t.Helper()
		got := r.receive(ns)
		if got != want {
			t.Fatalf("message %d: treatment %d, want %d", ns, got, want)
		}
		if got == hold && !r.keep(ns, []byte{byte(ns)}) {
			t.Fatalf("message %d is not kept", ns)
		}
	}
	receive(2, hold)
	receive(1, hold)
	receive(2, duplicate)
	receive(4, discard)
	if r.release() != nil {
		t.Fatal("released out of order")
	}
	receive(0, deliver)
	for _, want := range []byte{1, 2} {
		if got := r.release(); !bytes.Equal(got, []byte{want}) {
			t.Fatalf("released %v, want %d", got, want)
		}
	}
	if r.release() != nil || r.nr != 3 || len(r.early) != 0 || r.received != 3 {
		t.Errorf("Nr %d, %d held, %d received; want 3, 0, 3", r.nr, len(r.early), r.received)
	}
	receive(4, hold)
	if r.receive(5) != hold || r.keep(5, make([]byte, maxEarly+1)) {
		t.Error("a message that is too long was kept")
	}
	receive(3, deliver)
}

// FuzzReliable sends from one reliable to another over a link that the script controls. All
// messages must be delivered in order, each once.
func FuzzReliable(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 1, 2, 3, 4, 0, 1, 4}, uint16(65530), uint8(4))
	f.Add([]byte{0, 0, 0, 0, 1, 1, 1, 1, 2, 5, 2, 4, 3, 3, 4, 4}, uint16(0), uint8(16))
	f.Fuzz(func(t *testing.T, script []byte, start uint16, window uint8) {
		script = script[:min(len(script), 1000)]
		a, b := newReliable(testTiming, 16), newReliable(testTiming, max(1, int(window%32)))
		a.ns, b.nr = start, start
		a.setPeerWindow(b.window)
		now := epoch
		var link [][]byte // from a to b
		acks := []uint16{start}
		sent, got := 0, 0
		take := func(m []byte) {
			if n := binary.BigEndian.Uint32(m[l2tp.HeaderLen:]); int(n) != got {
				t.Fatalf("message %d is delivered, want %d", n, got)
			}
			got++
		}
		arrive := func(m []byte) {
			ns := binary.BigEndian.Uint16(m[offsetNs:])
			switch b.receive(ns) {
			case deliver:
				take(m)
				for m := b.release(); m != nil; m = b.release() {
					take(m)
				}
			case hold:
				b.keep(ns, m)
			}
			if len(b.early) >= b.window {
				t.Fatalf("%d messages held, the window is %d", len(b.early), b.window)
			}
			acks = append(acks, b.nr)
		}
		pump := func() {
			for m := a.next(now); m != nil; m = a.next(now) {
				link = append(link, slices.Clone(m))
			}
			if a.inFlight > min(a.cwnd, a.peerWindow) || a.cwnd < 1 || a.cwnd > a.peerWindow || a.inFlight > a.transmitted ||
				a.transmitted > len(a.queue) || a.resendAt.IsZero() != (len(a.queue) == 0) {
				t.Fatalf("invariant violated: %+v", a)
			}
		}
		for _, octet := range script {
			n := int(octet >> 3)
			switch octet & 7 {
			case 0, 1: // send
				a.push(binary.BigEndian.AppendUint32(make([]byte, l2tp.HeaderLen), uint32(sent)))
				sent++
			case 2: // a message arrives, and may arrive again
				if len(link) > 0 {
					arrive(link[n%len(link)])
				}
			case 3: // a message arrives, or is lost
				if len(link) > 0 {
					i := n % len(link)
					if octet&0x80 == 0 {
						arrive(link[i])
					}
					link = slices.Delete(link, i, i+1)
				}
			case 4, 5: // a current or old acknowledgement arrives
				nr := acks[max(0, len(acks)-1-n)]
				if octet&1 != 0 {
					a.duplicateAck(nr)
				}
				if !a.acknowledge(now, nr) {
					t.Fatalf("Nr %d is invalid", nr)
				}
			case 6: // time passes
				now = now.Add(time.Duration(n) * 100 * time.Millisecond)
				if a.expire(now) {
					return
				}
			}
			pump()
		}
		for range 10*sent + 10 { // a link without loss delivers the rest
			for _, m := range link {
				arrive(m)
			}
			link = nil
			a.acknowledge(now, b.nr)
			pump()
			if len(link) == 0 && !a.idle() {
				now = a.resendAt
				if a.expire(now) {
					return
				}
			}
			pump()
		}
		if got != sent || !a.idle() {
			t.Fatalf("%d of %d messages delivered, %d queued", got, sent, len(a.queue))
		}
	})
}
