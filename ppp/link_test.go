package ppp

import "testing"

func both() Config {
	cfg := ipv4(Configured, "10.0.0.1", "")
	cfg.IPv6 = &IPv6Config{LocalID: 0xa}
	return cfg
}

const bothOpen = lcpOpen6 + `
	< IPCP Configure-Request 1 addr=10.0.0.1
	< IPV6CP Configure-Request 1 id=a
	> IPCP Configure-Request 1 addr=10.0.0.2
	< IPCP Configure-Ack 1 addr=10.0.0.2
	> IPCP Configure-Ack 1 addr=10.0.0.1
	* IPv4Opened 10.0.0.1 10.0.0.2
	> IPV6CP Configure-Request 1 id=b
	< IPV6CP Configure-Ack 1 id=b
	> IPV6CP Configure-Ack 1 id=a
	* IPv6Opened a b
	= Opened Opened Opened
`

func TestBothNetworkProtocols(t *testing.T) {
	dialogue(t, both(), bothOpen+`
		close done
		* IPv4Closed done
		* IPv6Closed done
		* LCPClosed done
		< LCP Terminate-Request 2 done
		= Closing Starting Starting
	`)
}

// RFC 1661, section 3.7: when one network protocol is closed, the link and the other protocol stay
// open.
func TestOneNetworkProtocolEnds(t *testing.T) {
	dialogue(t, both(), bothOpen+`
		> IPV6CP Terminate-Request 5 no more
		* IPv6Closed the peer sent Terminate-Request: no more
		< IPV6CP Terminate-Ack 5
		wait 3s
		= Opened Opened Stopped
		# the peer may open it again
		> IPV6CP Configure-Request 6 id=b
		< IPV6CP Configure-Request 2 id=a
		< IPV6CP Configure-Ack 6 id=b
		> IPV6CP Configure-Ack 2 id=a
		* IPv6Opened a b
	`)
}

func TestOneNetworkProtocolIsRejected(t *testing.T) {
	dialogue(t, both(), lcpOpen6+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		< IPV6CP Configure-Request 1 id=a
		> LCP Protocol-Reject 1 8057 01010004
		* IPv6Closed the peer does not support IPV6CP (Protocol-Reject)
		= Opened Req-Sent Stopped
		# reported once, until LCP opens again
		> LCP Protocol-Reject 2 8057 01010004
		> LCP Configure-Request 2 magic=000000bb
		* LCPClosed the peer renegotiates LCP
		< LCP Configure-Request 2 magic=00000004
		< LCP Configure-Ack 2 magic=000000bb
		> LCP Configure-Ack 2 magic=00000004
		* LCPOpened 1500
		< IPCP Configure-Request 2 addr=10.0.0.1
		< IPV6CP Configure-Request 2 id=a
		> LCP Protocol-Reject 3 8057 01020004
		* IPv6Closed the peer does not support IPV6CP (Protocol-Reject)
	`)
	// A reject of the network protocol counts like one of its control protocol.
	dialogue(t, both(), bothOpen+`
		> LCP Protocol-Reject 1 0021 45
		* IPv4Closed the peer does not support IPv4 (Protocol-Reject)
		< IPCP Terminate-Request 2 the peer does not support IPv4 (Protocol-Reject)
		> LCP Protocol-Reject 1 8021 05
		= Opened Stopped Opened
	`)
}

func TestOneNetworkProtocolIsNotAnswered(t *testing.T) {
	cfg := both()
	cfg.MaxConfigure = 1
	dialogue(t, cfg, lcpOpen6+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		< IPV6CP Configure-Request 1 id=a
		> IPV6CP Terminate-Ack 1
		wait 3s
		* IPv4Closed the peer did not answer 1 Configure-Requests
		* IPv6Closed the peer's IPV6CP is closed: it answers with Terminate-Ack
		= Opened Stopped Stopped
	`)
}

// RFC 1332 and RFC 5072, sections 2 and 3: codes above 7 are unknown.
func TestCodesOfNetworkProtocols(t *testing.T) {
	dialogue(t, both(), bothOpen+`
		> IPCP Echo-Request 1 00000000
		< IPCP Code-Reject 2 0901000800000000
		> IPV6CP Protocol-Reject 1 8021
		< IPV6CP Code-Reject 2 080100068021
		> IPCP Code-Reject 1 0f
		> IPCP Code-Reject 2
		= Opened Opened Opened
		> IPCP Code-Reject 3 02
		* IPv4Closed the peer does not support IPCP Configure-Ack (Code-Reject)
		< IPCP Terminate-Request 3 the peer does not support IPCP Configure-Ack (Code-Reject)
	`)
}

// RFC 1661, section 3.6: packets of a network protocol that is not Opened are silently discarded.
// Packets of an Opened network protocol are not for the Link.
func TestNetworkPackets(t *testing.T) {
	l := dialogue(t, both(), lcpOpen6+`
		< IPCP Configure-Request 1 addr=10.0.0.1
		< IPV6CP Configure-Request 1 id=a
		> frame 0021 45
		> IPCP Configure-Request 1 addr=10.0.0.2
		< IPCP Configure-Ack 1 addr=10.0.0.2
		> IPCP Configure-Ack 1 addr=10.0.0.1
		* IPv4Opened 10.0.0.1 10.0.0.2
		> frame 0021 45
		> frame 57 60
		> frame 8021 0101
	`)
	d := l.Status().Discards
	if d[DiscardWrongPhase] != 2 || d[DiscardData] != 1 || d[DiscardBadLength] != 1 {
		t.Errorf("discards %v", d)
	}
}

// Packets of IPCP that are received before LCP is Opened are discarded. The Restart timer of the
// peer recovers from the loss.
func TestEarlyNetworkProtocol(t *testing.T) {
	dialogue(t, ipv4(Configured, "10.0.0.1", ""), `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		# the peer is Opened, we are not
		> IPCP Configure-Request 1 addr=10.0.0.2
		wait 3s
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
		< IPCP Configure-Request 1 addr=10.0.0.1
		> IPCP Configure-Request 1 addr=10.0.0.2
		< IPCP Configure-Ack 1 addr=10.0.0.2
	`)
}

// Illegal events are counted and have no other effect (RFC 1661, section 4.4, Illegal-Event).
func TestIllegalEvents(t *testing.T) {
	l := dialogue(t, Config{}, `
		down
		up
		< LCP Configure-Request 1 magic=00000001
		up
		= Req-Sent Initial Initial
	`)
	if n := l.Status().Illegal; n != 2 {
		t.Errorf("%d illegal events, want 2", n)
	}
}
