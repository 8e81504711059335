package ppp

import (
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
		# too short, of another link, and a reply to nothing
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

// The reply must fit the peer's MRU.
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
		# duplicated, and another's
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
		# any frame is a sign of life
		> LCP Discard-Request 1 000000bb
		wait 1s
		< LCP Echo-Request 6 00000001
		wait 2s
		< LCP Echo-Request 7 00000001
		< LCP Echo-Request 8 00000001
		# a magic number that is not the peer's is none
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
	want := EchoStatus{RTT: 20 * time.Millisecond, Measured: true, Sent: 7, Lost: 6}
	if got := l.Status().Echo; got != want {
		t.Errorf("echo status %+v, want %+v", got, want)
	}
	if !l.Deadline().IsZero() {
		t.Errorf("deadline %v of a link that is finished", l.Deadline())
	}
}

// RFC 1661, section 5.6: a code that we cannot do without ends the link; of
// others no more is sent (section 4.3, RXJ+).
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
		# until LCP opens again, maybe with another peer
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
		* LCPClosed the peer does not know LCP Configure-Request (Code-Reject)
		< LCP Terminate-Request 5 the peer does not know LCP Configure-Request (Code-Reject)
		= Stopping Initial Initial
	`)
}

func TestCodeRejectWhileNegotiating(t *testing.T) {
	dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Code-Reject 1 07
		* LinkFailed the peer does not know LCP Code-Reject (Code-Reject)
		= Stopped Initial Initial
		# finished already
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

// RFC 1570, section 1: accepted, and without effect.
func TestIdentificationAndTimeRemaining(t *testing.T) {
	l := dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Identification 1 00000000 70653200
		= Req-Sent Initial Initial
		> LCP Time-Remaining 2 00000000 ffffffff
		> LCP Identification 3 000000
		> LCP Time-Remaining 4 00000000 ffffff
	`)
	if s := l.Status(); s.PeerName != "pe2?" || s.Discards[DiscardBadLength] != 2 {
		t.Errorf("peer name %q, discards %v", s.PeerName, s.Discards)
	}
}

// RFC 1661, section 5.7: unknown protocols are rejected in LCP's Opened state,
// silently discarded in others.
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
		# not configured: unknown like others, and so is authentication
		> frame 8021 01010004
		< LCP Protocol-Reject 3 802101010004
		> frame 57 60
		< LCP Protocol-Reject 4 005760
		> frame c223 01010004
		< LCP Protocol-Reject 5 c22301010004
		# not more than four in a second
		> frame 8057 01010004
		wait 1s
		> frame 8057 01010004
		< LCP Protocol-Reject 6 805701010004
		# a number that cannot be one: its last bit is 0 (section 2)
		> frame 8020 01
		< LCP Protocol-Reject 7 802001
		> frame ff03
	`)
	d := l.Status().Discards
	if d[DiscardWrongPhase] != 2 || d[DiscardUnsupported] != 1 || d[DiscardBadLength] != 1 {
		t.Errorf("discards %v", d)
	}
}

func TestProtocolReject(t *testing.T) {
	l := dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		# outside of Opened: discarded
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
		* LCPClosed the peer does not run LCP (Protocol-Reject)
		< LCP Terminate-Request 2 the peer does not run LCP (Protocol-Reject)
	`)
	if d := l.Status().Discards; d[DiscardWrongPhase] != 1 || d[DiscardBadLength] != 1 {
		t.Errorf("discards %v", d)
	}
}
