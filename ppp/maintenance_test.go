package ppp

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEchoRequestIsAnswered(t *testing.T) {
	l := dialogue(t, Config{}, `
		> LCP Echo-Request 1 000000bb
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Echo-Request 1 000000bb
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
		> LCP Echo-Request 42 000000bb 0102030405
		< LCP Echo-Reply 42 000000010102030405
		> LCP Discard-Request 43 000000bb ff
		# too short, with the magic number of another link, and a reply without request
		> LCP Echo-Request 44 000000
		> LCP Echo-Request 45 000000bc
		> LCP Echo-Reply 46 000000bb
	`)
	d := l.Status().Discards
	if d[DiscardLowerDown] != 1 || d[DiscardWrongPhase] != 1 || d[DiscardBadLength] != 1 ||
		d[DiscardBadMagic] != 1 || d[DiscardBadID] != 1 {
		t.Errorf("discards %v", d)
	}
}

// A reply must fit the peer's MRU.
func TestEchoReplyIsCut(t *testing.T) {
	dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 mru=128
		< LCP Configure-Ack 1 mru=128
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 128
		> LCP Echo-Request 1 00000000 `+strings.Repeat("ab", 300)+`
		< LCP Echo-Reply 1 00000001`+strings.Repeat("ab", 128-4-4)+`
		> LCP code14 2 `+strings.Repeat("cd", 300)+`
		< LCP Code-Reject 2 0e020130`+strings.Repeat("cd", 128-4-4)+`
		> frame 80fd `+strings.Repeat("ef", 300)+`
		< LCP Protocol-Reject 3 80fd`+strings.Repeat("ef", 128-4-2)+`
	`)
}

func TestKeepalive(t *testing.T) {
	l := dialogue(t, Config{EchoInterval: time.Second, EchoFails: 3}, lcpOpen+`
		wait 1s
		< LCP Echo-Request 2 00000001
		wait 20ms
		> LCP Echo-Reply 2 000000bb
		wait 5ms
		# a duplicate, and a reply to another request
		> LCP Echo-Reply 2 000000bb
		> LCP Echo-Reply 3 000000bb
		wait 975ms
		< LCP Echo-Request 3 00000001
		wait 7ms
		> LCP Echo-Reply 2 000000bb
		wait 993ms
		< LCP Echo-Request 4 00000001
		wait 1s
		< LCP Echo-Request 5 00000001
		# any frame shows that the link works
		> LCP Discard-Request 1 000000bb
		wait 1s
		< LCP Echo-Request 6 00000001
		wait 2s
		< LCP Echo-Request 7 00000001
		< LCP Echo-Request 8 00000001
		# except a frame with a magic number that is not the peer's
		> LCP Discard-Request 2 00000bad
		wait 999ms
		= Opened Initial Initial
		wait 1ms
		* LCPClosed 3 LCP echoes unanswered for 3 s
		< LCP Terminate-Request 9 3 LCP echoes unanswered for 3 s
		wait 3s
		< LCP Terminate-Request 9 3 LCP echoes unanswered for 3 s
		wait 3s
		* LinkFailed 3 LCP echoes unanswered for 3 s
		wait 1h
		= Stopped Initial Initial
	`)
	got := l.Status().Echo
	history := slices.Collect(got.History.All())
	lost := EchoResult{Lost: true}
	if want := []EchoResult{{RTT: 20 * time.Millisecond}, lost, lost, lost, lost, lost, lost}; !slices.Equal(history, want) {
		t.Errorf("history %v, want %v", history, want)
	}
	got.History = EchoHistory{}
	var rtts RTTs
	rtts.add(20 * time.Millisecond)
	if want := (EchoStatus{RTT: 20 * time.Millisecond, Measured: true, Sent: 7, Lost: 6, RTTs: rtts}); got != want {
		t.Errorf("echo status %+v, want %+v", got, want)
	}
	if !l.Deadline().IsZero() {
		t.Errorf("deadline %v of a link that has finished", l.Deadline())
	}
}

// The history holds the last 60 results.
func TestEchoHistory(t *testing.T) {
	var h EchoHistory
	for i := range uint32(100) {
		h.add(i)
		results := slices.Collect(h.All())
		if n := len(results); n != int(min(i+1, 60)) || results[n-1].RTT != time.Duration(i)*time.Microsecond ||
			results[0].RTT != time.Duration(i+1-uint32(n))*time.Microsecond {
			t.Fatalf("after %d: %v", i, results)
		}
	}
}

// After an interval in which a frame was received no request is sent. Replies to our own requests
// do not count, otherwise a quiet link would get half as many requests.
func TestAdaptiveKeepalive(t *testing.T) {
	cfg := Config{EchoInterval: time.Second, EchoFails: 2, EchoAdaptive: true}
	l := dialogue(t, cfg, lcpOpen+`
		wait 500ms
		> LCP Echo-Request 9 000000bb
		< LCP Echo-Reply 9 00000001
		wait 500ms
		wait 999ms
		# quiet for a second
		wait 1ms
		< LCP Echo-Request 2 00000001
		> LCP Echo-Reply 2 000000bb
		wait 1s
		< LCP Echo-Request 3 00000001
		# no reply, but another frame
		> LCP Discard-Request 1 000000bb
		wait 1s
		wait 1s
		< LCP Echo-Request 4 00000001
		wait 1s
		< LCP Echo-Request 5 00000001
		wait 1s
		* LCPClosed 2 LCP echoes unanswered for 2 s
		< LCP Terminate-Request 6 2 LCP echoes unanswered for 2 s
	`)
	if e := l.Status().Echo; e.Sent != 4 || e.Skipped != 2 || e.Lost != 3 {
		t.Errorf("echo status %+v", e)
	}
}

// Packets of network protocols are not passed to the Link; its owner calls DataReceived.
func TestKeepaliveByNetworkPackets(t *testing.T) {
	l := New(Config{Rand: counter(), EchoInterval: time.Second, EchoFails: 1, EchoAdaptive: true})
	var out Output
	l.Up(epoch, &out)
	l.Receive(epoch, encode(t, "LCP Configure-Request 1 magic=000000bb"), &out)
	l.Receive(epoch, encode(t, "LCP Configure-Ack 1 magic=00000001"), &out)
	step := func(at, received time.Duration, want string) {
		t.Helper()
		out.Reset()
		l.DataReceived(epoch.Add(received))
		l.Advance(epoch.Add(at), &out)
		got := ""
		for f := range out.Frames() {
			got += describe(f)
		}
		if got != want {
			t.Errorf("at %v, data received at %v: sent %q, want %q", at, received, got, want)
		}
	}
	step(1*time.Second, 700*time.Millisecond, "")
	step(2*time.Second, 1900*time.Millisecond, "")
	step(3*time.Second, 1900*time.Millisecond, "LCP Echo-Request 2 00000001")
	step(4*time.Second, 3500*time.Millisecond, "")
	step(5*time.Second, 3500*time.Millisecond, "LCP Echo-Request 3 00000001")
	step(6*time.Second, 3500*time.Millisecond, "LCP Terminate-Request 4 1 LCP echoes unanswered for 1 s")
}

// RFC 1661, section 5.6: the reject of an essential code ends the link. Packets with other rejected
// codes are not sent any more (section 4.3, RXJ+).
func TestCodeReject(t *testing.T) {
	dialogue(t, Config{EchoInterval: time.Second}, lcpOpen+`
		wait 1s
		< LCP Echo-Request 2 00000001
		> LCP Code-Reject 1 09020008 00000001
		> LCP Code-Reject 2 0a020008 00000001
		> LCP Code-Reject 3 08020008 00000001
		> LCP Code-Reject 4 ff020008 00000001
		> LCP Code-Reject 5
		wait 1h
		> LCP Echo-Request 9 000000bb
		> frame 80fd 0101 0004
		= Opened Initial Initial
		# until LCP opens again, possibly with another peer
		down
		* LCPClosed the lower layer went down
		up
		< LCP Configure-Request 3 magic=00000002
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		> LCP Configure-Ack 3 magic=00000002
		* LCPOpened 1500
		wait 1s
		< LCP Echo-Request 4 00000002
		> LCP Code-Reject 5 01010004
		* LCPClosed the peer does not support LCP Configure-Request (Code-Reject)
		< LCP Terminate-Request 5 the peer does not support LCP Configure-Request (Code-Reject)
		= Stopping Initial Initial
	`)
}

func TestCodeRejectWhileNegotiating(t *testing.T) {
	dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Code-Reject 1 07
		* LinkFailed the peer does not support LCP Code-Reject (Code-Reject)
		= Stopped Initial Initial
		# already finished: no further event
		> LCP Code-Reject 2 01
	`)
}

func TestUnknownCode(t *testing.T) {
	dialogue(t, Config{}, lcpOpen+`
		> LCP code14 200 0102
		< LCP Code-Reject 2 0ec800060102
		> LCP code200 201
		< LCP Code-Reject 3 c8c90004
		= Opened Initial Initial
	`)
}

// RFC 1570, section 1: the packets are accepted and have no effect on the link.
func TestIdentificationAndTimeRemaining(t *testing.T) {
	l := dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Identification 1 00000000 70653200
		= Req-Sent Initial Initial
		> LCP Time-Remaining 2 00000000 00000e10 6d61696e74656e616e6365
		> LCP Identification 3 000000
		> LCP Time-Remaining 4 00000000 ffffff
	`)
	s := l.Status()
	if s.Identification != "pe2?" || s.Discards[DiscardBadLength] != 2 {
		t.Errorf("identification %q, discards %v", s.Identification, s.Discards)
	}
	if want := (TimeRemaining{epoch.Add(time.Hour), "maintenance"}); s.TimeRemaining != want {
		t.Errorf("time remaining %+v, want %+v", s.TimeRemaining, want)
	}
	var out Output
	l.Receive(epoch, encode(t, "LCP Time-Remaining 2 00000000 ffffffff"), &out)
	if s := l.Status(); s.TimeRemaining != (TimeRemaining{}) {
		t.Errorf("time remaining %+v, want no limit", s.TimeRemaining)
	}
}

// RFC 1661, section 5.7: frames of unknown protocols are rejected while LCP is Opened, and silently
// discarded in other states.
func TestUnknownProtocols(t *testing.T) {
	l := dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> frame 80fd 01010004
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		> frame 8021 01010004
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
		> frame ff03 80fd 01010004
		< LCP Protocol-Reject 2 80fd01010004
		# network and authentication protocols that are not configured are unknown, too
		> frame 8021 01010004
		< LCP Protocol-Reject 3 802101010004
		> frame 57 60
		< LCP Protocol-Reject 4 005760
		> frame c223 01010004
		< LCP Protocol-Reject 5 c22301010004
		# at most four Protocol-Rejects in a second
		> frame 8057 01010004
		wait 1s
		> frame 8057 01010004
		< LCP Protocol-Reject 6 805701010004
		# an invalid number: its last bit is 0 (section 2)
		> frame 8020 01
		< LCP Protocol-Reject 7 802001
		> frame ff03
	`)
	d := l.Status().Discards
	if d[DiscardWrongPhase] != 2 || d[DiscardUnsupported] != 1 || d[DiscardBadLength] != 1 {
		t.Errorf("discards %v", d)
	}
}

// Protocols that other implementations request and we do not support are refused: compression
// (RFC 1962), encryption (RFC 1968) and MPLS (RFC 3032) by Protocol-Reject, Multilink (RFC 1990) by
// a Configure-Reject of its options.
func TestUnsupportedProtocols(t *testing.T) {
	l := dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		# MRRU, short sequence numbers, endpoint discriminator
		> LCP Configure-Request 1 opt17=05dc opt18 opt19=0301020304 magic=000000bb
		< LCP Configure-Reject 1 opt17=05dc opt18 opt19=0301020304
		> LCP Configure-Request 2 magic=000000bb
		< LCP Configure-Ack 2 magic=000000bb
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
		# CCP with BSD-Compress, ECP, MPLSCP, and a Multilink fragment
		> frame 80fd 01010007 150324
		< LCP Protocol-Reject 2 80fd01010007150324
		> frame 8053 01010004
		< LCP Protocol-Reject 3 805301010004
		> frame 8281 01010004
		< LCP Protocol-Reject 4 828101010004
		> frame 3d c0000000
		< LCP Protocol-Reject 5 003dc0000000
		> frame 80fd 01020007 150324
		wait 1s
		> frame c025 00000001
		< LCP Protocol-Reject 6 c02500000001
		= Opened Initial Initial
	`)
	if s := l.Status(); s.Rejected != 5 || s.Discards[DiscardUnsupported] != 1 {
		t.Errorf("rejected %d, discards %v", s.Rejected, s.Discards)
	}
}

func TestProtocolReject(t *testing.T) {
	l := dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		# discarded if LCP is not Opened
		> LCP Protocol-Reject 1 c021 01010004
		= Req-Sent Initial Initial
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
		> LCP Protocol-Reject 2 c0
		> LCP Protocol-Reject 3 80fd
		= Opened Initial Initial
		> LCP Protocol-Reject 4 c021 01010004
		* LCPClosed the peer does not support LCP (Protocol-Reject)
		< LCP Terminate-Request 2 the peer does not support LCP (Protocol-Reject)
	`)
	if d := l.Status().Discards; d[DiscardWrongPhase] != 1 || d[DiscardBadLength] != 1 {
		t.Errorf("discards %v", d)
	}
}
