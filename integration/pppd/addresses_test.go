package pppd

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/l2tpvl/l2tpvl/ppp"
)

func TestWeLearnOurAddress(t *testing.T) {
	ours, theirs := connect(t, ppp.Config{IPv4: &ppp.IPv4Config{Mode: ppp.Learned}}, theirIPv4)
	awaitIPv4(t, ours, theirs)
	theirs.await(t, "rcvd [IPCP ConfReq", "<addr 0.0.0.0>]")
	theirs.await(t, "sent [IPCP ConfNak", "<addr 10.0.0.1>]")
	pingIPv4(t, ours, theirs, 56)
}

func TestPPPDLearnsItsAddress(t *testing.T) {
	ours, theirs := connect(t, ppp.Config{IPv4: both().IPv4}, []string{"noipdefault", ":10.0.0.1"})
	awaitIPv4(t, ours, theirs)
	theirs.await(t, "sent [IPCP ConfReq", "<addr 0.0.0.0>]")
	theirs.await(t, "rcvd [IPCP ConfNak", "<addr 10.0.0.2>]")
	pingIPv4(t, ours, theirs, 56)
}

// RFC 3021: a /31 has one address beside ours.
func TestPPPDLearnsTheOtherAddressOfThePrefix(t *testing.T) {
	local, prefix := netip.MustParseAddr("10.0.0.3"), netip.MustParsePrefix("10.0.0.2/31")
	cfg := ppp.Config{IPv4: &ppp.IPv4Config{Mode: ppp.Configured, Local: local, Within: prefix}}
	ours, theirs := connect(t, cfg, []string{"noipdefault"})
	ours.await(t, ppp.IPv4Opened{Local: local, Peer: theirAddr})
	theirs.await(t, "local  IP address 10.0.0.2")
	theirs.ping(t, local.String(), 56)
}

// Each end has a configured address and none for its peer.
func TestBothAddressesConfigured(t *testing.T) {
	cfg := ppp.Config{IPv4: &ppp.IPv4Config{Mode: ppp.Configured, Local: ourAddr}}
	ours, theirs := connect(t, cfg, []string{"10.0.0.2:"})
	awaitIPv4(t, ours, theirs)
	pingIPv4(t, ours, theirs, 56)
}

// Our end uses the address of another interface. pppd knows it from its own options only.
func TestUnnumbered(t *testing.T) {
	cfg := ppp.Config{IPv4: &ppp.IPv4Config{Mode: ppp.Unnumbered, Peer: theirAddr}}
	ours, theirs := connect(t, cfg, theirIPv4)
	ours.await(t, ppp.IPv4Opened{Peer: theirAddr})
	theirs.await(t, "rcvd [IPCP ConfReq id=0x1]")
	theirs.await(t, "local  IP address 10.0.0.2")
	theirs.await(t, "remote IP address 10.0.0.1")
	if err := ours.device.addLoopback(ourAddr); err != nil {
		t.Fatal(err)
	}
	pingIPv4(t, ours, theirs, 56)
}

func TestConflictingAddressesAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		cfg    ppp.IPv4Config
		pppd   []string
		reason string
	}{
		{
			"pppd has our address",
			ppp.IPv4Config{Mode: ppp.Configured, Local: ourAddr},
			[]string{"10.0.0.1:10.0.0.7"},
			"the peer requests 10.0.0.1, which is our own address",
		},
		{
			"pppd has another address than configured", *both().IPv4,
			[]string{"10.0.0.7:10.0.0.1"},
			"the peer insists on 10.0.0.7 instead of 10.0.0.2",
		},
		{
			"pppd's address is outside the prefix",
			ppp.IPv4Config{Mode: ppp.Configured, Local: ourAddr, Within: netip.MustParsePrefix("10.0.0.0/31")},
			theirIPv4,
			"the peer requests 10.0.0.2, which is outside 10.0.0.0/31, the prefix of this link",
		},
		{
			"pppd suggests another address to us", *both().IPv4,
			[]string{"10.0.0.2:10.0.0.7"},
			"the peer refuses our address 10.0.0.1 and suggests 10.0.0.7",
		},
		{
			"pppd assigns its own address to us",
			ppp.IPv4Config{Mode: ppp.Learned},
			[]string{"10.0.0.2:10.0.0.2"},
			"the peer requests 10.0.0.2, which is our own address",
		},
		{
			"pppd has no address for us",
			ppp.IPv4Config{Mode: ppp.Learned},
			[]string{"10.0.0.2:"},
			"the peer assigns no address to us: it rejected the IP-Address option",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := connect(t, ppp.Config{IPv4: &tt.cfg, IPv6: both().IPv6}, tt.pppd, theirIPv6)
			ours.await(t, ppp.IPv4Closed{Reason: tt.reason})
			theirs.await(t, "rcvd [IPCP TermReq", strconv.Quote(tt.reason))
			// IPv6 opens nevertheless.
			awaitIPv6(t, ours, theirs)
			pingIPv6(t, ours, theirs, 56)
		})
	}
}

// RFC 5072, section 4.1: equal interface identifiers are negotiated until they differ.
func TestEqualInterfaceIdentifiers(t *testing.T) {
	ours, theirs := connect(t, ppp.Config{IPv6: &ppp.IPv6Config{LocalID: theirID}}, []string{"noip", "ipv6", "::b", "ipv6cp-accept-local"})
	opened := ours.events.await(t, "IPv6Opened", func(e ppp.Event) bool { _, ok := e.(ppp.IPv6Opened); return ok }).(ppp.IPv6Opened)
	if opened.LocalID == opened.PeerID || opened.PeerID == 0 {
		t.Fatalf("%+v, want different identifiers", opened)
	}
	theirs.await(t, "remote LL address")
	ours.device.ping(t, addr6(opened.PeerID, "tun0"), 56)
	theirs.ping(t, addr6(opened.LocalID, "ppp0"), 56)
}

// pppd refuses our identifier, which is its own, and suggests the one in its options.
func TestPPPDSuggestsOurInterfaceIdentifier(t *testing.T) {
	ours, theirs := connect(t, ppp.Config{IPv6: &ppp.IPv6Config{LocalID: theirID}}, []string{"noip"}, theirIPv6)
	awaitIPv6(t, ours, theirs)
	pingIPv6(t, ours, theirs, 56)
}
