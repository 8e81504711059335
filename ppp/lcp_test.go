package ppp

import (
	"strings"
	"testing"
)

// lcpOpen opens LCP with only the Magic-Number option: ours is 1, the peer's 0xbb.
const lcpOpen = `
	up
	< LCP Configure-Request 1 magic=00000001
	> LCP Configure-Request 1 magic=000000bb
	< LCP Configure-Ack 1 magic=000000bb
	> LCP Configure-Ack 1 magic=00000001
	* LCPOpened 1500
`

func TestLCPOpens(t *testing.T) {
	dialogue(t, Config{}, `
		= Starting Initial Initial
		`+lcpOpen+`
		= Opened Initial Initial
		down
		* LCPClosed the lower layer went down
		= Starting Initial Initial
		# a new negotiation has a new magic number
		up
		< LCP Configure-Request 2 magic=00000002
	`)
}

func TestLCPOpensWhenPeerAnswersFirst(t *testing.T) {
	dialogue(t, Config{MRU: 1460}, `
		up
		< LCP Configure-Request 1 mru=1460 magic=00000001
		> LCP Configure-Ack 1 mru=1460 magic=00000001
		= Ack-Rcvd Initial Initial
		> LCP Configure-Request 9 mru=1400 pfc acfc
		< LCP Configure-Ack 9 mru=1400 pfc acfc
		* LCPOpened 1400
	`)
}

// RFC 1661, section 4.6: ten Configure-Requests at intervals of 3 s.
func TestNoAnswer(t *testing.T) {
	script := "up\n" + strings.Repeat("< LCP Configure-Request 1 magic=00000001\n wait 3s\n", 10) + `
		* LinkFailed the peer did not answer 10 Configure-Requests
		= Stopped Initial Initial
		wait 1h
		down
		up
		< LCP Configure-Request 2 magic=00000002
	`
	dialogue(t, Config{}, script)
}

func TestPeerOnlyRequests(t *testing.T) {
	dialogue(t, Config{MaxConfigure: 1}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1
		< LCP Configure-Ack 1
		= Ack-Sent Initial Initial
		wait 3s
		* LinkFailed the peer did not answer 1 Configure-Requests
	`)
}

func TestPeerOnlyAcknowledges(t *testing.T) {
	dialogue(t, Config{MaxConfigure: 2}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Ack 1 magic=00000001
		wait 3s
		# a new Identifier, as the last request was answered (section 5.1)
		< LCP Configure-Request 2 magic=00000001
		> LCP Configure-Ack 2 magic=00000001
		wait 3s
		* LinkFailed the peer accepted 2 Configure-Requests but sent no acceptable one of its own
		= Stopped Initial Initial
	`)
}

// RFC 1661, sections 5.2 to 5.4: a reply that does not match the last request is silently
// discarded.
func TestRepliesToOtherRequests(t *testing.T) {
	l := dialogue(t, Config{MRU: 1460}, `
		up
		< LCP Configure-Request 1 mru=1460 magic=00000001
		# another Identifier
		> LCP Configure-Ack 2 mru=1460 magic=00000001
		> LCP Configure-Nak 0 mru=1400
		# other options
		> LCP Configure-Ack 1 mru=1461 magic=00000001
		> LCP Configure-Ack 1 mru=1460
		> LCP Configure-Ack 1
		> LCP Configure-Reject 1 mru=1461
		> LCP Configure-Reject 1 magic=00000001 mru=1460
		> LCP Configure-Reject 1
		# truncated options
		> frame c021 0301 0007 010405
		> frame c021 0101 0007 010405
		# a second answer
		> LCP Configure-Ack 1 mru=1460 magic=00000001
		> LCP Configure-Ack 1 mru=1460 magic=00000001
		> LCP Configure-Nak 1 mru=1400
		= Ack-Rcvd Initial Initial
	`)
	d := l.Status().Discards
	if d[DiscardBadID] != 4 || d[DiscardBadReply] != 6 || d[DiscardBadLength] != 2 {
		t.Errorf("discards %v", d)
	}
}

func TestLCPPeerOptions(t *testing.T) {
	dialogue(t, Config{MaxFailure: 2}, `
		up
		< LCP Configure-Request 1 magic=00000001
		# Rejects are sent first, in the peer's order and unchanged (section 5.4)
		> LCP Configure-Request 1 auth=c22305 mru=100 quality=c02500000064 opt13=00 magic=000000bb
		< LCP Configure-Reject 1 auth=c22305 quality=c02500000064 opt13=00
		> LCP Configure-Request 2 mru=100 magic=000000bb
		< LCP Configure-Nak 2 mru=128
		# a wrong Length is Nak'd with a valid option (section 6)
		> LCP Configure-Request 3 mru=05 magic=000000bb
		< LCP Configure-Nak 3 mru=1500
		# Max-Failure: a further Nak becomes a Reject (section 4.6)
		> LCP Configure-Request 4 mru=100 magic=000000bb
		< LCP Configure-Reject 4 mru=100
		# options without value must not be Nak'd (section 5.3), none may be repeated
		> LCP Configure-Request 5 pfc=00 acfc=00 magic=000000bb magic=000000bb
		< LCP Configure-Reject 5 pfc=00 acfc=00 magic=000000bb
		> LCP Configure-Request 6 magic=000000bb
		< LCP Configure-Ack 6 magic=000000bb
		# the request acknowledged last is valid, and Max-Failure is counted from zero
		> LCP Configure-Request 7 mru=1400
		< LCP Configure-Ack 7 mru=1400
		> LCP Configure-Request 8 mru=100
		< LCP Configure-Nak 8 mru=128
		> LCP Configure-Request 9
		< LCP Configure-Ack 9
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
	`)
}

// RFC 5072, section 2: IPv6 requires an MRU of at least 1280.
func TestIPv6NeedsAnMRU(t *testing.T) {
	dialogue(t, Config{IPv6: &IPv6Config{LocalID: 1}, Rand: func() uint32 { return 7 }}, `
		up
		< LCP Configure-Request 1 magic=00000007
		> LCP Configure-Request 1 mru=1279
		< LCP Configure-Nak 1 mru=1280
		> LCP Configure-Request 2 mru=1280
		< LCP Configure-Ack 2 mru=1280
	`)
}

func TestOurLCPOptionsAreRefused(t *testing.T) {
	dialogue(t, Config{MRU: 2000}, `
		up
		< LCP Configure-Request 1 mru=2000 magic=00000001
		# a smaller MRU is accepted, a larger is not
		> LCP Configure-Nak 1 mru=1600
		< LCP Configure-Request 2 mru=1600 magic=00000001
		> LCP Configure-Nak 2 mru=9000 opt99=00
		< LCP Configure-Request 3 mru=1600 magic=00000001
		> LCP Configure-Reject 3 mru=1600
		< LCP Configure-Request 4 magic=00000001
		# without Magic-Number option our magic number is 0 from now on
		> LCP Configure-Reject 4 magic=00000001
		< LCP Configure-Request 5
		> LCP Configure-Nak 5 magic=00000009
		< LCP Configure-Request 6
		> LCP Configure-Ack 6
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		* LCPOpened 1500
		> LCP Echo-Request 7 000000bb
		< LCP Echo-Reply 7 00000000
		# zero is not the peer's magic number, but does not indicate a loop either
		> LCP Echo-Request 8 00000000
	`)
}

func TestLCPRefusedTooOften(t *testing.T) {
	dialogue(t, Config{MaxFailure: 2}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Nak 1 auth=c023
		< LCP Configure-Request 2 magic=00000001
		> LCP Configure-Nak 2 auth=c023
		< LCP Configure-Request 3 magic=00000001
		> LCP Configure-Nak 3 auth=c023
		< LCP Terminate-Request 4 the peer refused 3 Configure-Requests in a row
		> LCP Terminate-Ack 4
		* LinkFailed the peer refused 3 Configure-Requests in a row
		= Stopped Initial Initial
	`)
}

func TestPeerRepeatsRejectedOption(t *testing.T) {
	dialogue(t, Config{MaxFailure: 1}, `
		up
		< LCP Configure-Request 1 magic=00000001
		`+strings.Repeat(`
		> LCP Configure-Request 5 auth=c023
		< LCP Configure-Reject 5 auth=c023
		`, 4)+`
		> LCP Configure-Request 5 auth=c023
		< LCP Terminate-Request 2 the peer keeps requesting options that were refused
	`)
}

// RFC 1661, section 6.4: both ends choose the same magic number by chance.
func TestMagicNumbersCollideByChance(t *testing.T) {
	dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 magic=00000001
		< LCP Configure-Nak 1 magic=00000002
		> LCP Configure-Nak 1 magic=000000cc
		< LCP Configure-Request 2 magic=000000cc
		> LCP Configure-Request 2 magic=00000002
		< LCP Configure-Ack 2 magic=00000002
		# the magic number that we suggested may have been looped back: we choose another
		> LCP Configure-Nak 2 magic=00000002
		< LCP Configure-Request 3 magic=00000003
		# zero is not allowed
		> LCP Configure-Request 3 magic=00000000
		< LCP Configure-Nak 3 magic=00000004
	`)
}

// On a link that is looped back we receive each frame that we send.
func TestLoopedBackLink(t *testing.T) {
	l := New(Config{Rand: counter()})
	var events []string
	var in, out Output
	l.Up(epoch, &out)
	frames := 0
	for ; len(out.ends) > 0; in, out = out, in {
		if frames += len(out.ends); frames > 100 {
			t.Fatal("more than 100 frames, want an end")
		}
		in.Reset()
		for f := range out.Frames() {
			l.Receive(epoch, f, &in)
		}
		for _, e := range in.Events {
			events = append(events, describeEvent(e))
		}
	}
	want := "LinkFailed the link is looped back: 6 Configure-Requests carried our own magic numbers"
	if got := strings.Join(events, "; "); got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestLoopedBackWhileOpened(t *testing.T) {
	dialogue(t, Config{}, lcpOpen+`
		> LCP Echo-Request 1 00000001
		< LCP Terminate-Request 2 the link is looped back: Echo-Request received with our own magic number
		* LCPClosed the link is looped back: Echo-Request received with our own magic number
		= Stopping Initial Initial
		# the Terminate-Request is looped back, too, and so is our Terminate-Ack
		> LCP Terminate-Request 2
		< LCP Terminate-Ack 2
		> LCP Terminate-Ack 2
		* LinkFailed the link is looped back: Echo-Request received with our own magic number
	`)
}

func TestTerminateByThePeer(t *testing.T) {
	dialogue(t, Config{}, lcpOpen+`
		> LCP Terminate-Request 77 maintenance
		< LCP Terminate-Ack 77
		* LCPClosed the peer sent Terminate-Request: maintenance
		= Stopping Initial Initial
		wait 2s
		# the Ack was lost
		> LCP Terminate-Request 77 maintenance
		< LCP Terminate-Ack 77
		# one Restart time for the peer to disconnect (section 3.7)
		wait 1s
		* LinkFailed the peer sent Terminate-Request: maintenance
		= Stopped Initial Initial
		# In Stopped a Configure-Request starts again (section 4.2)
		> LCP Configure-Request 2 magic=000000bc
		< LCP Configure-Request 2 magic=00000002
		< LCP Configure-Ack 2 magic=000000bc
		= Ack-Sent Initial Initial
	`)
}

func TestTerminateByUs(t *testing.T) {
	dialogue(t, Config{}, lcpOpen+`
		close planned maintenance
		< LCP Terminate-Request 2 planned maintenance
		* LCPClosed planned maintenance
		# discarded while terminating
		> LCP Configure-Request 9
		> LCP Echo-Request 1 000000bb
		wait 3s
		< LCP Terminate-Request 2 planned maintenance
		> LCP Terminate-Ack 2
		* LinkFailed planned maintenance
		= Closed Initial Initial
		> LCP Configure-Request 10
		< LCP Terminate-Ack 10
		> LCP Terminate-Request 11
		< LCP Terminate-Ack 11
		> LCP Terminate-Ack 12
		open
		< LCP Configure-Request 3 magic=00000002
	`)
}

// The reason in a Terminate-Request is cut to maxText, so that it fits any MRU.
func TestLongReason(t *testing.T) {
	long := strings.Repeat("x", 500)
	dialogue(t, Config{}, lcpOpen+`
		close `+long+`
		< LCP Terminate-Request 2 `+long[:maxText]+`
		* LCPClosed `+long+`
		> LCP Terminate-Ack 2
		* LinkFailed `+long+`
	`)
}

// RFC 1661, section 4.6: after two unanswered Terminate-Requests the link is down.
func TestTerminateWithoutAnswer(t *testing.T) {
	dialogue(t, Config{}, lcpOpen+`
		close bye
		< LCP Terminate-Request 2 bye
		* LCPClosed bye
		wait 3s
		< LCP Terminate-Request 2 bye
		wait 3s
		* LinkFailed bye
		= Closed Initial Initial
	`)
}

func TestCloseWhileNegotiatingAndBefore(t *testing.T) {
	dialogue(t, Config{}, `
		up
		< LCP Configure-Request 1 magic=00000001
		close
		< LCP Terminate-Request 2 closed by the administrator
		= Closing Initial Initial
		down
		= Initial Initial Initial
		up
		= Closed Initial Initial
		down
		open
		= Starting Initial Initial
		close bye
		* LinkFailed bye
		= Initial Initial Initial
	`)
}

// The restart option of RFC 1661, section 4.3, Open.
func TestOpenRestarts(t *testing.T) {
	dialogue(t, Config{}, lcpOpen+`
		open
		* LCPClosed restarted by the administrator
		< LCP Configure-Request 2 magic=00000002
		= Req-Sent Initial Initial
		close bye
		< LCP Terminate-Request 3 bye
		= Closing Initial Initial
		open
		< LCP Configure-Request 4 magic=00000003
		= Req-Sent Initial Initial
		# nothing to restart
		open
	`)
}

// RFC 1661, section 4.3, RTA: an unsolicited Terminate-Ack.
func TestTerminateAckInOpened(t *testing.T) {
	dialogue(t, Config{MaxConfigure: 1}, lcpOpen+`
		> LCP Terminate-Ack 5
		* LCPClosed the peer sent Terminate-Ack: its LCP is not open
		< LCP Configure-Request 2 magic=00000002
		> LCP Terminate-Ack 2
		wait 3s
		* LinkFailed the peer's LCP is closed: it answers with Terminate-Ack
	`)
}

// A reason from the peer's Terminate-Ack no longer counts when the peer starts to negotiate.
func TestPeerOpensLater(t *testing.T) {
	dialogue(t, Config{MaxConfigure: 2}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Terminate-Ack 1
		> LCP Configure-Request 1
		< LCP Configure-Ack 1
		wait 3s
		< LCP Configure-Request 1 magic=00000001
		wait 3s
		* LinkFailed the peer did not answer 2 Configure-Requests
	`)
}

func TestTerminateRequestWhileNegotiating(t *testing.T) {
	dialogue(t, Config{MaxConfigure: 2}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Ack 1 magic=00000001
		> LCP Terminate-Request 5 go away
		< LCP Terminate-Ack 5
		= Req-Sent Initial Initial
		wait 3s
		< LCP Configure-Request 2 magic=00000001
		wait 3s
		< LCP Configure-Request 2 magic=00000001
		wait 3s
		* LinkFailed the peer sent Terminate-Request: go away
	`)
}

// A Configure-Request that is received again in Opened, with the Identifier and the options that we
// acknowledged, was sent before the peer received our answer: it is answered again. If either has
// changed, it is a new request.
func TestLateConfigureRequest(t *testing.T) {
	again := lcpOpen + `
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		= Opened Initial Initial
	`
	for _, changed := range []string{"2 magic=000000bb", "1 magic=000000cc"} {
		dialogue(t, Config{}, again+`
			> LCP Configure-Request `+changed+`
			* LCPClosed the peer renegotiates LCP
			< LCP Configure-Request 2 magic=00000002
			< LCP Configure-Ack `+changed+`
			= Ack-Sent Initial Initial
		`)
	}
}

// RFC 1661, section 4.3: a Configure-Request in Opened starts a renegotiation. Our request is sent
// before our answer, so that the peer opens only once.
func TestRenegotiationByThePeer(t *testing.T) {
	dialogue(t, Config{}, lcpOpen+`
		> LCP Configure-Request 2 mru=1400 magic=000000bc
		* LCPClosed the peer renegotiates LCP
		< LCP Configure-Request 2 magic=00000002
		< LCP Configure-Ack 2 mru=1400 magic=000000bc
		> LCP Configure-Ack 2 magic=00000002
		* LCPOpened 1400
		> LCP Configure-Request 3 auth=c023
		* LCPClosed the peer renegotiates LCP
		< LCP Configure-Request 3 magic=00000003
		< LCP Configure-Reject 3 auth=c023
		= Req-Sent Initial Initial
	`)
}
