package ppp

import (
	"net/netip"
	"strings"
	"testing"
)

func ipv4(mode AddressMode, local, peer string) Config {
	c := &IPv4Config{Mode: mode}
	if local != "" {
		c.Local = netip.MustParseAddr(local)
	}
	if peer != "" {
		c.Peer = netip.MustParseAddr(peer)
	}
	return Config{IPv4: c}
}

func TestIPCPOpens(t *testing.T) {
	dialogue(t, ipv4(Configured, "10.255.0.0", ""), lcpOpen+`
		< IPCP Configure-Request 1 addr=10.255.0.0
		> IPCP Configure-Request 1 addr=10.255.0.1
		< IPCP Configure-Ack 1 addr=10.255.0.1
		> IPCP Configure-Ack 1 addr=10.255.0.0
		* IPv4Opened 10.255.0.0 10.255.0.1
		= Opened Opened Initial
		# RFC 1661, section 4.3: renegotiation in Opened
		> IPCP Configure-Request 2 addr=10.255.0.9
		* IPv4Closed the peer renegotiates IPCP
		< IPCP Configure-Request 2 addr=10.255.0.0
		< IPCP Configure-Ack 2 addr=10.255.0.9
		> IPCP Configure-Ack 2 addr=10.255.0.0
		* IPv4Opened 10.255.0.0 10.255.0.9
		down
		* IPv4Closed the lower layer went down
		* LCPClosed the lower layer went down
		= Starting Starting Initial
	`)
}

// RFC 1332, section 3: all options except IP-Address are rejected.
func TestIPCPRejectedOptions(t *testing.T) {
	dialogue(t, ipv4(Configured, "10.0.0.1", "10.0.0.2"), lcpOpen+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		> IPCP Configure-Request 1 addresses=0a0000020a000001 compression=002d0f01 addr=10.0.0.2 dns=00000000
		< IPCP Configure-Reject 1 addresses=0a0000020a000001 compression=002d0f01 dns=00000000
		> IPCP Configure-Request 2 addr=10.0.0.2 addr=10.0.0.2
		< IPCP Configure-Reject 2 addr=10.0.0.2
		> IPCP Configure-Request 3 addr=10.0.0.2
		< IPCP Configure-Ack 3 addr=10.0.0.2
	`)
}

func TestIPCPAssignsPeerAddress(t *testing.T) {
	dialogue(t, ipv4(Configured, "10.0.0.1", "10.0.0.2"), lcpOpen+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		> IPCP Configure-Ack 1 addr=10.0.0.1
		> IPCP Configure-Request 1 addr=0.0.0.0
		< IPCP Configure-Nak 1 addr=10.0.0.2
		# a request without the option does not accept the address (RFC 1332, section 3.3)
		> IPCP Configure-Request 2
		< IPCP Configure-Nak 2 addr=10.0.0.2
		# nor does a truncated address
		> IPCP Configure-Request 3 addr=0a00
		< IPCP Configure-Nak 3 addr=10.0.0.2
		> IPCP Configure-Request 4 addr=10.0.0.2
		< IPCP Configure-Ack 4 addr=10.0.0.2
		* IPv4Opened 10.0.0.1 10.0.0.2
	`)
}

func TestIPCPPeerRefusesItsAddress(t *testing.T) {
	for _, tc := range []struct{ option, reason string }{
		{"", "the peer requests no address; 10.0.0.2 is configured for it"},
		{" addr=10.0.0.3", "the peer insists on 10.0.0.3 instead of 10.0.0.2"},
		{" addr=0.0.0.0", "the peer insists on 0.0.0.0 instead of 10.0.0.2"},
		{" addr=10.0.0.1", "the peer requests 10.0.0.1, which is our own address"},
	} {
		cfg := ipv4(Configured, "10.0.0.1", "10.0.0.2")
		cfg.MaxFailure = 2
		dialogue(t, cfg, lcpOpen+`
			< IPCP Configure-Request 1 addr=10.0.0.1
			> IPCP Configure-Request 1`+tc.option+`
			< IPCP Configure-Nak 1 addr=10.0.0.2
			# our Nak was lost: the repeated request does not count
			> IPCP Configure-Request 1`+tc.option+`
			< IPCP Configure-Nak 1 addr=10.0.0.2
			> IPCP Configure-Request 2`+tc.option+`
			< IPCP Configure-Nak 2 addr=10.0.0.2
			> IPCP Configure-Request 3`+tc.option+`
			< IPCP Terminate-Request 2 `+tc.reason+`
			= Opened Closing Initial
			> IPCP Terminate-Ack 2
			* IPv4Closed `+tc.reason+`
			= Opened Closed Initial
			# IPCP stays Closed and answers with Terminate-Ack
			> IPCP Configure-Request 7 addr=10.0.0.2
			< IPCP Terminate-Ack 7
			# until LCP opens again
			> LCP Configure-Request 2 magic=000000bb
			* LCPClosed the peer renegotiates LCP
			< LCP Configure-Request 2 magic=00000002
			< LCP Configure-Ack 2 magic=000000bb
			> LCP Configure-Ack 2 magic=00000002
			* LCPOpened 1500
			< IPCP Configure-Request 3 addr=10.0.0.1
		`)
	}
}

// Max-Failure is counted in one negotiation, not over several that failed.
func TestIPCPStartsAgainAfterNoAnswer(t *testing.T) {
	cfg := ipv4(Configured, "10.0.0.1", "10.0.0.2")
	cfg.MaxFailure, cfg.MaxConfigure = 1, 1
	dialogue(t, cfg, lcpOpen+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		> IPCP Configure-Request 1 addr=0.0.0.0
		< IPCP Configure-Nak 1 addr=10.0.0.2
		wait 3s
		* IPv4Closed the peer did not answer 1 Configure-Requests
		= Opened Stopped Initial
		> IPCP Configure-Request 2 addr=0.0.0.0
		< IPCP Configure-Request 2 addr=10.0.0.1
		< IPCP Configure-Nak 2 addr=10.0.0.2
	`)
}

func TestIPCPPeerRequestsOurAddress(t *testing.T) {
	l := dialogue(t, ipv4(Configured, "10.255.0.0", ""), lcpOpen+`
		< IPCP Configure-Request 1 addr=10.255.0.0
		> IPCP Configure-Request 1 addr=10.255.0.0
		< IPCP Terminate-Request 2 the peer requests 10.255.0.0, which is our own address
		wait 3s
		< IPCP Terminate-Request 2 the peer requests 10.255.0.0, which is our own address
		wait 3s
		* IPv4Closed the peer requests 10.255.0.0, which is our own address
		= Opened Closed Initial
	`)
	if r := l.Status().IPv4Reason; r != "the peer requests 10.255.0.0, which is our own address" {
		t.Errorf("reason %q", r)
	}
}

// Without a configured peer address the peer may have any address, or none.
func TestIPCPAnyPeerAddress(t *testing.T) {
	dialogue(t, ipv4(Configured, "10.0.0.1", ""), lcpOpen+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		# no address to assign
		> IPCP Configure-Request 1 addr=0.0.0.0
		< IPCP Configure-Reject 1 addr=0.0.0.0
		# not the address of a host
		> IPCP Configure-Request 2 addr=224.0.0.1
		< IPCP Configure-Reject 2 addr=224.0.0.1
		> IPCP Configure-Request 3 addr=127.0.0.1
		< IPCP Configure-Reject 3 addr=127.0.0.1
		> IPCP Configure-Request 4 addr=0a
		< IPCP Configure-Reject 4 addr=0a
		> IPCP Configure-Request 5
		< IPCP Configure-Ack 5
		> IPCP Configure-Ack 1 addr=10.0.0.1
		* IPv4Opened 10.0.0.1 none
	`)
}

// The peer's address must be in the prefix of the link. A /31 leaves only one address for it.
func TestIPCPPeerOutsidePrefix(t *testing.T) {
	cfg := ipv4(Configured, "10.255.0.0", "")
	cfg.IPv4.Within = netip.MustParsePrefix("10.255.0.0/31")
	reason := "the peer requests 10.9.9.9, which is outside 10.255.0.0/31, the prefix of this link"
	dialogue(t, cfg, lcpOpen+`
		< IPCP Configure-Request 1 addr=10.255.0.0
		> IPCP Configure-Request 1 addr=10.9.9.9
		< IPCP Terminate-Request 2 `+reason+`
		> IPCP Terminate-Ack 2
		* IPv4Closed `+reason+`
		= Opened Closed Initial
	`)
	dialogue(t, cfg, lcpOpen+`
		< IPCP Configure-Request 1 addr=10.255.0.0
		> IPCP Configure-Request 1 addr=0.0.0.0
		< IPCP Configure-Nak 1 addr=10.255.0.1
		> IPCP Configure-Request 2 addr=10.255.0.1
		< IPCP Configure-Ack 2 addr=10.255.0.1
		# the peer may also have no address
		> IPCP Configure-Request 3
		< IPCP Configure-Ack 3
	`)
	cfg.IPv4.Within, cfg.MaxFailure = netip.MustParsePrefix("10.255.0.0/24"), 1
	dialogue(t, cfg, lcpOpen+`
		< IPCP Configure-Request 1 addr=10.255.0.0
		# many addresses are possible, so none is suggested
		> IPCP Configure-Request 1 addr=0.0.0.0
		< IPCP Configure-Reject 1 addr=0.0.0.0
		> IPCP Configure-Request 2 addr=10.255.0.200
		< IPCP Configure-Ack 2 addr=10.255.0.200
	`)
}

func TestIPCPUnnumbered(t *testing.T) {
	dialogue(t, ipv4(Unnumbered, "", ""), lcpOpen+`
		< IPCP Configure-Request 1
		> IPCP Configure-Ack 1
		> IPCP Configure-Request 1
		< IPCP Configure-Ack 1
		* IPv4Opened none none
		> IPCP Configure-Request 2 addr=10.0.0.2
		* IPv4Closed the peer renegotiates IPCP
		< IPCP Configure-Request 2
		< IPCP Configure-Ack 2 addr=10.0.0.2
		> IPCP Configure-Ack 2
		* IPv4Opened none 10.0.0.2
	`)
}

func TestIPCPUnnumberedAndPeerAssignsAddress(t *testing.T) {
	cfg := ipv4(Unnumbered, "", "")
	cfg.MaxFailure = 1
	dialogue(t, cfg, lcpOpen+`
		< IPCP Configure-Request 1
		> IPCP Configure-Nak 1 addr=10.0.0.1
		< IPCP Configure-Request 2
		> IPCP Configure-Nak 2 addr=10.0.0.1
		< IPCP Terminate-Request 3 the peer assigns 10.0.0.1 to us, but this end is unnumbered
	`)
}

func TestIPCPLearnsOurAddress(t *testing.T) {
	l := dialogue(t, ipv4(Learned, "", "10.0.0.1"), lcpOpen+`
		< IPCP Configure-Request 1 addr=0.0.0.0
		> IPCP Configure-Request 1 addr=10.0.0.1
		< IPCP Configure-Ack 1 addr=10.0.0.1
		> IPCP Configure-Nak 1 dns=08080808 addr=10.0.0.2
		< IPCP Configure-Request 2 addr=10.0.0.2
		> IPCP Configure-Ack 2 addr=10.0.0.2
		* IPv4Opened 10.0.0.2 10.0.0.1
	`)
	s := l.Status()
	if s.LocalIPv4 != netip.MustParseAddr("10.0.0.2") || s.PeerIPv4 != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("status %+v", s)
	}
}

func TestIPCPLearnsNoAddress(t *testing.T) {
	for name, tc := range map[string]struct{ peer, script string }{
		"acknowledged": {"", `
			> IPCP Configure-Ack 1 addr=0.0.0.0
			< IPCP Terminate-Request 2 the peer acknowledged 0.0.0.0 instead of assigning an address to us
		`},
		"rejected": {"", `
			> IPCP Configure-Reject 1 addr=0.0.0.0
			< IPCP Terminate-Request 2 the peer assigns no address to us: it rejected the IP-Address option
		`},
		"its own address, known from its request": {"", `
			> IPCP Configure-Request 1 addr=10.0.0.9
			< IPCP Configure-Ack 1 addr=10.0.0.9
			> IPCP Configure-Nak 1 addr=10.0.0.9
			< IPCP Terminate-Request 2 the peer assigns its own address 10.0.0.9 to us
		`},
		"its own address, known from our configuration": {"10.0.0.9", `
			> IPCP Configure-Nak 1 addr=10.0.0.9
			< IPCP Terminate-Request 2 the peer assigns its own address 10.0.0.9 to us
		`},
		"its own address, known from its later request": {"", `
			> IPCP Configure-Nak 1 addr=10.0.0.9
			< IPCP Configure-Request 2 addr=10.0.0.9
			> IPCP Configure-Request 1 addr=10.0.0.9
			< IPCP Terminate-Request 3 the peer requests 10.0.0.9, which is our own address
		`},
		"unusable addresses": {"", `
			> IPCP Configure-Nak 1 addr=0.0.0.0
			< IPCP Configure-Request 2 addr=0.0.0.0
			> IPCP Configure-Nak 2 addr=255.255.255.255
			< IPCP Terminate-Request 3 the peer accepts none of the addresses that it suggests to us; the last was 255.255.255.255
		`},
		"no address at all": {"", `
			> IPCP Configure-Nak 1 dns=08080808
			< IPCP Configure-Request 2 addr=0.0.0.0
			> IPCP Configure-Nak 2
			< IPCP Terminate-Request 3 the peer refused 2 Configure-Requests in a row
		`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := ipv4(Learned, "", tc.peer)
			cfg.MaxFailure = 1
			dialogue(t, cfg, lcpOpen+`
				< IPCP Configure-Request 1 addr=0.0.0.0
				`+tc.script)
		})
	}
}

func TestIPCPOurAddressIsRefused(t *testing.T) {
	cfg := ipv4(Configured, "10.0.0.1", "")
	cfg.MaxFailure = 2
	dialogue(t, cfg, lcpOpen+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		> IPCP Configure-Nak 1 addr=10.0.0.7
		< IPCP Configure-Request 2 addr=10.0.0.1
		> IPCP Configure-Nak 2 addr=10.0.0.7
		< IPCP Configure-Request 3 addr=10.0.0.1
		> IPCP Configure-Nak 3 addr=10.0.0.7
		< IPCP Terminate-Request 4 the peer refuses our address 10.0.0.1 and suggests 10.0.0.7
	`)
	dialogue(t, cfg, lcpOpen+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		> IPCP Configure-Reject 1 addr=10.0.0.1
		< IPCP Terminate-Request 2 the peer rejected our address 10.0.0.1: it does not negotiate addresses
	`)
}

func within(prefix string) Config {
	cfg := ipv4(Configured, "10.0.0.1", "10.0.0.2")
	cfg.IPv4.Within = netip.MustParsePrefix(prefix)
	return cfg
}

func TestConfigValidate(t *testing.T) {
	good := ipv4(Configured, "10.0.0.1", "10.0.0.2")
	for want, cfg := range map[string]Config{
		"":                                      good,
		"MRU 100: must be at least 128":         {MRU: 100},
		"MRU 1279: must be at least 1280":       {MRU: 1279, IPv6: &IPv6Config{}},
		"Restart -1ns":                          {Restart: -1},
		"EchoFails -1: must not be negative":    {EchoFails: -1},
		"local address invalid IP":              ipv4(Configured, "", ""),
		"local address ::1":                     ipv4(Configured, "::1", ""),
		"peer address 224.0.0.1":                ipv4(Unnumbered, "", "224.0.0.1"),
		"local and peer address are both":       ipv4(Configured, "10.0.0.1", "10.0.0.1"),
		"peer address 10.0.0.2: must be within": within("10.0.1.0/24"),
		"peer within ::/64: must be an IPv4":    within("::/64"),
		"IPv4 mode 9: must be Configured, Lea":  ipv4(9, "", ""),
	} {
		cfg.Rand = counter()
		err := cfg.Validate()
		switch {
		case want == "" && err != nil:
			t.Errorf("valid configuration: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := new(Config).Validate(); err == nil {
		t.Error("a configuration without Rand is valid")
	}
}
