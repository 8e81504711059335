package pppd

import (
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// RFC 1661, section 5.7.
func TestPPPDWithoutIPv6(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, []string{"noipv6"})
	ours.await(t, ppp.IPv6Closed{Reason: "the peer does not support IPV6CP (Protocol-Reject)"})
	theirs.await(t, "Unsupported protocol", "0x8057")
	awaitIPv4(t, ours, theirs)
	pingIPv4(t, ours, theirs, 56)
}

func TestPPPDWithoutIPv4(t *testing.T) {
	ours, theirs := connect(t, both(), []string{"noip"}, theirIPv6)
	ours.await(t, ppp.IPv4Closed{Reason: "the peer does not support IPCP (Protocol-Reject)"})
	theirs.await(t, "Unsupported protocol", "0x8021")
	awaitIPv6(t, ours, theirs)
	pingIPv6(t, ours, theirs, 56)
}

func TestWeWithoutIPv6(t *testing.T) {
	ours, theirs := connect(t, ppp.Config{IPv4: both().IPv4}, theirIPv4, theirIPv6)
	theirs.await(t, "rcvd [LCP ProtRej", "80 57")
	awaitIPv4(t, ours, theirs)
	pingIPv4(t, ours, theirs, 56)
}

func TestWeWithoutIPv4(t *testing.T) {
	ours, theirs := connect(t, ppp.Config{IPv6: both().IPv6}, theirIPv4, theirIPv6)
	theirs.await(t, "rcvd [LCP ProtRej", "80 21")
	awaitIPv6(t, ours, theirs)
	pingIPv6(t, ours, theirs, 56)
}

// RFC 1661, section 6.1. Each end sends packets of up to the MRU of the other.
func TestMRU(t *testing.T) {
	cfg := both()
	cfg.MRU = 1360
	ours, theirs := connect(t, cfg, theirIPv4, theirIPv6, []string{"mru", "1400"})
	ours.await(t, ppp.LCPOpened{PeerMRU: 1400})
	theirs.await(t, "rcvd [LCP ConfReq", "<mru 1360>")
	theirs.await(t, "rcvd [LCP ConfAck", "<mru 1400>")
	awaitIPv4(t, ours, theirs)
	awaitIPv6(t, ours, theirs)
	if got := theirs.mtu(t); got != 1360 {
		t.Errorf("MTU of ppp0: %d, want our MRU, 1360", got)
	}
	const ipv4Header, ipv6Header, echoHeader = 20, 40, 8
	ours.device.ping(t, theirAddr.String(), 1400-ipv4Header-echoHeader)
	ours.device.ping(t, addr6(theirID, "tun0"), 1400-ipv6Header-echoHeader)
	theirs.ping(t, ourAddr.String(), 1360-ipv4Header-echoHeader)
	theirs.ping(t, addr6(ourID, "ppp0"), 1360-ipv6Header-echoHeader)
}

// RFC 5072, section 2: IPv6 requires an MRU of at least 1280 octets.
func TestMRUTooSmallForIPv6(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6, []string{"mru", "1000"})
	theirs.await(t, "rcvd [LCP ConfNak", "<mru 1280>")
	ours.await(t, ppp.LCPOpened{PeerMRU: 1280})
	awaitIPv6(t, ours, theirs)
	pingIPv6(t, ours, theirs, 56)
}

// pppd requests options and protocols that we do not support. It gets a Configure-Reject or a
// Protocol-Reject and continues without them.
func TestUnsupportedProtocolsAndOptions(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6,
		[]string{"mp", "endpoint", "local:6c32", "deflate", "15", "bsdcomp", "15", "ms-dns", "10.0.0.3"})
	awaitIPv4(t, ours, theirs)
	awaitIPv6(t, ours, theirs)
	theirs.await(t, "rcvd [LCP ConfRej", "<mrru", "<endpoint")
	theirs.await(t, "rcvd [LCP ProtRej", "80 fd") // CCP
	theirs.await(t, "rcvd [IPCP ConfRej", "<compress VJ 0f 01>]")
	pingIPv4(t, ours, theirs, 56)
}

// RFC 1662, section 7.1: without the option both ends escape all control characters. Our end
// removes control characters that are not escaped.
func TestAsyncMapIsRejected(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6, []string{"asyncmap", "200a0000"})
	theirs.await(t, "rcvd [LCP ConfRej", "<asyncmap 0x200a0000>]")
	awaitIPv4(t, ours, theirs)
	const everyOctet = 256 + 16 // the data of ping: a timestamp, then all values of an octet
	pingIPv4(t, ours, theirs, everyOctet)
}

// RFC 1661, sections 6.5 and 6.6: we acknowledge PFC and ACFC, and pppd then accepts compressed
// frames. It sends none, because we do not request the options.
func TestCompressedFields(t *testing.T) {
	ours, theirs := connect(t, both(), theirIPv4, theirIPv6)
	theirs.await(t, "rcvd [LCP ConfAck", "<pcomp> <accomp>]")
	awaitIPv4(t, ours, theirs)
	awaitIPv6(t, ours, theirs)
	ours.do(func(time.Time) { ours.compress = true })
	pingIPv4(t, ours, theirs, 56)
	pingIPv6(t, ours, theirs, 56)
}
