package pppd

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// RFC 1661, section 5.8. Each end answers the Echo-Requests of the other, so that a link without
// traffic stays up.
func TestEchoesAreAnswered(t *testing.T) {
	cfg := both()
	cfg.EchoInterval = 500 * time.Millisecond
	ours, theirs := connect(t, cfg, theirIPv4, theirIPv6, []string{"debug", "lcp-echo-interval", "1", "lcp-echo-failure", "3"})
	awaitBoth(t, ours, theirs)
	for _, id := range []string{"id=0x0 ", "id=0x1 "} { // pppd numbers its Echo-Requests
		theirs.await(t, "sent [LCP EchoReq", id)
		theirs.await(t, "rcvd [LCP EchoRep", id)
		theirs.await(t, "rcvd [LCP EchoReq")
		theirs.await(t, "sent [LCP EchoRep")
	}
	var echo ppp.EchoStatus
	ours.do(func(now time.Time) { echo = ours.link.Status().Echo })
	if !echo.Measured || echo.RTT <= 0 {
		t.Errorf("%+v, want a round-trip time", echo)
	}
}

func TestWeDetectStoppedPPPD(t *testing.T) {
	cfg := both()
	cfg.EchoInterval, cfg.EchoFails = 500*time.Millisecond, 3
	ours, theirs := connect(t, cfg, theirIPv4, theirIPv6)
	awaitBoth(t, ours, theirs)
	theirs.signal(t, syscall.SIGSTOP)
	closed := ours.events.await(t, "our event LCPClosed", func(e ppp.Event) bool { _, ok := e.(ppp.LCPClosed); return ok }).(ppp.LCPClosed)
	if !strings.HasPrefix(closed.Reason, "3 LCP echoes unanswered for ") {
		t.Errorf("reason: %s", closed.Reason)
	}
	ours.await(t, ppp.IPv4Closed(closed))
	ours.await(t, ppp.IPv6Closed(closed))
	ours.await(t, ppp.LinkFailed(closed))
	// pppd resumes, and ends. Its late Echo-Replies are discarded.
	ours.do(func(time.Time) { ours.late = true })
	theirs.signal(t, syscall.SIGCONT)
	theirs.await(t, "rcvd [LCP TermReq", closed.Reason)
	theirs.awaitExit(t, exitHangup)
}

func TestPPPDDetectsOurFailure(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6, []string{"lcp-echo-interval", "1", "lcp-echo-failure", "2"})
	awaitBoth(t, ours, theirs)
	ours.do(func(now time.Time) { ours.silent = true })
	theirs.await(t, "No response to 2 echo-requests")
	theirs.awaitExit(t, exitHangup)
}
