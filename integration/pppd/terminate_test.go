package pppd

import (
	"syscall"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// RFC 1661, section 5.5.
func TestWeTerminate(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6)
	awaitBoth(t, ours, theirs)
	const reason = "moved to another router"
	ours.do(func(now time.Time) { ours.link.Close(now, reason, &ours.out) })
	ours.await(t, ppp.IPv4Closed{Reason: reason})
	ours.await(t, ppp.IPv6Closed{Reason: reason})
	ours.await(t, ppp.LCPClosed{Reason: reason})
	ours.await(t, ppp.LinkFailed{Reason: reason})
	theirs.await(t, "rcvd [LCP TermReq", reason)
	theirs.await(t, "LCP terminated by peer", reason)
	theirs.await(t, "sent [LCP TermAck")
	theirs.awaitExit(t, exitHangup)
}

func TestPPPDTerminates(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6)
	awaitBoth(t, ours, theirs)
	theirs.signal(t, syscall.SIGTERM)
	const reason = "the peer sent Terminate-Request: User request"
	ours.await(t, ppp.IPv4Closed{Reason: reason})
	ours.await(t, ppp.IPv6Closed{Reason: reason})
	ours.await(t, ppp.LCPClosed{Reason: reason})
	ours.await(t, ppp.LinkFailed{Reason: reason})
	theirs.await(t, "rcvd [LCP TermAck")
	theirs.awaitExit(t, exitUserRequest)
}
