package pppd

import (
	"syscall"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// awaitBoth waits for IPv4 and IPv6 to open, and sends pings over both.
func awaitBoth(t *testing.T, ours *end, theirs *pppd) {
	t.Helper()
	ours.await(t, ppp.LCPOpened{PeerMRU: 1500})
	awaitIPv4(t, ours, theirs)
	awaitIPv6(t, ours, theirs)
	pingIPv4(t, ours, theirs, 56)
	pingIPv6(t, ours, theirs, 56)
}

// RFC 1661, section 4.3, Open: the restart option.
func TestWeRenegotiate(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6)
	awaitBoth(t, ours, theirs)
	ours.do(func(now time.Time) { ours.link.Open(now, &ours.out) })
	ours.await(t, ppp.LCPClosed{Reason: "restarted by the administrator"})
	awaitBoth(t, ours, theirs)
}

// With option persist pppd terminates the link at SIGHUP, and opens it again.
func TestPPPDRenegotiates(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6, []string{"persist"})
	awaitBoth(t, ours, theirs)
	theirs.signal(t, syscall.SIGHUP)
	theirs.await(t, "sent [LCP TermReq")
	theirs.await(t, "rcvd [LCP TermAck")
	ours.await(t, ppp.LCPClosed{Reason: "the peer sent Terminate-Request: User request"})
	awaitBoth(t, ours, theirs)
}

// The line goes down and up again, and only our end notices.
func TestLineInterruptedAtOurEnd(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6)
	awaitBoth(t, ours, theirs)
	ours.do(func(now time.Time) {
		ours.link.Down(now, &ours.out)
		ours.link.Up(now, &ours.out)
	})
	ours.await(t, ppp.LCPClosed{Reason: "the lower layer went down"})
	awaitBoth(t, ours, theirs)
}
