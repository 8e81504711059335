package pppd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// The interface identifiers and addresses of the two ends in most tests.
const (
	ourID   = 0xa
	theirID = 0xb
)

var (
	ourAddr   = netip.MustParseAddr("10.0.0.1")
	theirAddr = netip.MustParseAddr("10.0.0.2")
)

// The options of pppd for these addresses and identifiers.
var (
	theirIPv4 = []string{"10.0.0.2:10.0.0.1"}
	theirIPv6 = []string{"ipv6", "::b,::a"}
)

// both returns a configuration with IPv4 and IPv6.
func both() ppp.Config {
	return ppp.Config{
		Restart: time.Second,
		IPv4:    &ppp.IPv4Config{Mode: ppp.Configured, Local: ourAddr, Peer: theirAddr},
		IPv6:    &ppp.IPv6Config{LocalID: ourID},
	}
}

// connect starts our end and pppd on one line.
func connect(t *testing.T, cfg ppp.Config, options ...[]string) (*end, *pppd) {
	t.Helper()
	master, slave := openPTY(t)
	ours := newEnd(t, master, cfg)
	return ours, startPPPD(t, slave, join(options)...)
}

func join(lists [][]string) (all []string) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func awaitIPv4(t *testing.T, ours *end, theirs *pppd) {
	t.Helper()
	ours.await(t, ppp.IPv4Opened{Local: ourAddr, Peer: theirAddr})
	theirs.await(t, "local  IP address 10.0.0.2")
	theirs.await(t, "remote IP address 10.0.0.1")
}

func awaitIPv6(t *testing.T, ours *end, theirs *pppd) {
	t.Helper()
	ours.await(t, ppp.IPv6Opened{LocalID: ourID, PeerID: theirID})
	theirs.await(t, "local  LL address fe80::0000:0000:0000:000b")
	theirs.await(t, "remote LL address fe80::0000:0000:0000:000a")
}

// pingIPv4 sends an echo request with size octets of data from each end to the other.
func pingIPv4(t *testing.T, ours *end, theirs *pppd, size int) {
	t.Helper()
	ours.device.ping(t, theirAddr.String(), size)
	theirs.ping(t, ourAddr.String(), size)
}

func pingIPv6(t *testing.T, ours *end, theirs *pppd, size int) {
	t.Helper()
	ours.device.ping(t, addr6(theirID, "tun0"), size)
	theirs.ping(t, addr6(ourID, "ppp0"), size)
}

func TestOpensWithIPv4AndIPv6(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6)
	awaitIPv4(t, ours, theirs)
	awaitIPv6(t, ours, theirs)
	pingIPv4(t, ours, theirs, 56)
	pingIPv6(t, ours, theirs, 56)
}

// With option silent pppd sends nothing before it receives a packet.
func TestWeStartTheNegotiation(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6, []string{"silent"})
	theirs.await(t, "Connect: ppp0")
	ours.do(func(now time.Time) {
		ours.up = true
		ours.link.Up(now, &ours.out)
	})
	awaitIPv4(t, ours, theirs)
	awaitIPv6(t, ours, theirs)
	pingIPv4(t, ours, theirs, 56)
	pingIPv6(t, ours, theirs, 56)
}
