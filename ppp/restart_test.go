package ppp

import (
	"testing"
	"time"
)

// RFC 1661, section 4.6: the Restart timer may start at a small value and increase to the
// configured one, so that a lost request costs little time.
func TestRestartTimerBacksOff(t *testing.T) {
	dialogue(t, Config{RestartInitial: 250 * time.Millisecond}, `
		up
		< LCP Configure-Request 1 magic=00000001
		wait 249ms
		wait 1ms
		< LCP Configure-Request 1 magic=00000001
		wait 499ms
		wait 1ms
		< LCP Configure-Request 1 magic=00000001
		wait 1s
		< LCP Configure-Request 1 magic=00000001
		wait 2s
		< LCP Configure-Request 1 magic=00000001
		# the timer does not exceed Restart
		wait 2999ms
		wait 1ms
		< LCP Configure-Request 1 magic=00000001
		wait 6s
		< LCP Configure-Request 1 magic=00000001
		< LCP Configure-Request 1 magic=00000001
		# it keeps its value during the negotiation
		> LCP Configure-Nak 1 magic=000000cc
		< LCP Configure-Request 2 magic=000000cc
		wait 2999ms
		wait 1ms
		< LCP Configure-Request 2 magic=000000cc
		# and is reset when the link goes down
		down
		up
		< LCP Configure-Request 3 magic=00000002
		wait 250ms
		< LCP Configure-Request 3 magic=00000002
	`)
}

// The network protocols start with the timer value that LCP has reached, and so does a termination.
// A peer that terminates has the whole Restart time to disconnect.
func TestRestartTimerInNetworkProtocols(t *testing.T) {
	cfg := ipv4(Configured, "10.0.0.1", "")
	cfg.RestartInitial = 250 * time.Millisecond
	dialogue(t, cfg, `
		up
		< LCP Configure-Request 1 magic=00000001
		wait 250ms
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1
		< LCP Configure-Ack 1
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
		< IPCP Configure-Request 1 addr=10.0.0.1
		wait 499ms
		wait 1ms
		< IPCP Configure-Request 1 addr=10.0.0.1
		> IPCP Terminate-Request 1
		< IPCP Terminate-Ack 1
		> LCP Terminate-Request 7
		* LCPClosed the peer sent Terminate-Request
		< LCP Terminate-Ack 7
		wait 2999ms
		wait 1ms
		* LinkFailed the peer sent Terminate-Request
	`)
}

func TestRestartTimerValues(t *testing.T) {
	for _, tc := range []struct{ initial, restart, wantInitial, wantRestart time.Duration }{
		{0, 0, 250 * time.Millisecond, 3 * time.Second},
		{0, 100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond},
		{5 * time.Second, 0, 3 * time.Second, 3 * time.Second},
		{time.Second, 7 * time.Second, time.Second, 7 * time.Second},
	} {
		c := Config{RestartInitial: tc.initial, Restart: tc.restart}.withDefaults()
		if c.RestartInitial != tc.wantInitial || c.Restart != tc.wantRestart {
			t.Errorf("%v, %v: got %v, %v", tc.initial, tc.restart, c.RestartInitial, c.Restart)
		}
	}
}

// If the round-trip time is longer than the first Restart time, each end receives requests twice
// and could regard the second as a new negotiation. The negotiation must nevertheless end.
func TestRoundTripLongerThanTheRestartTimer(t *testing.T) {
	for _, way := range []time.Duration{
		100 * time.Millisecond, 150 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 1400 * time.Millisecond,
	} {
		a, b := both(), both()
		b.IPv4, b.IPv6 = &IPv4Config{Mode: Unnumbered}, &IPv6Config{LocalID: 0xb}
		w := newWire(t, 1, false, a, b)
		w.inFlight, w.loss, w.duplication, w.healedAt = nil, 0, 0, epoch
		w.least = way
		for i := range w.ends {
			w.ends[i].link.Down(w.now, &w.ends[i].out)
			w.ends[i].link.Up(w.now, &w.ends[i].out)
			w.drain(i)
		}
		w.run(epoch.Add(time.Minute))
		for i := range w.ends {
			if s := w.ends[i].link.Status(); s.LCP != Opened || s.IPCP != Opened || s.IPV6CP != Opened {
				t.Errorf("%v each way: not opened:\n%s", way, w.describe())
			}
			if d := w.ends[i].link.Deadline(); !d.IsZero() {
				t.Errorf("%v each way: still negotiating, deadline %v", way, d)
			}
		}
	}
}
