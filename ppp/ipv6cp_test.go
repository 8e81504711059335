package ppp

import "testing"

func ipv6(id uint64) Config { return Config{IPv6: &IPv6Config{LocalID: id}} }

// lcpOpen6 is lcpOpen for a Link that has used two random numbers for an interface identifier.
const lcpOpen6 = `
	up
	< LCP Configure-Request 1 magic=00000003
	> LCP Configure-Request 1 magic=000000bb
	< LCP Configure-Ack 1 magic=000000bb
	> LCP Configure-Ack 1 magic=00000003
	* LCPOpened 1500
`

func TestIPV6CPOpens(t *testing.T) {
	dialogue(t, ipv6(0xa), lcpOpen6+`
		< IPV6CP Configure-Request 1 id=a
		> IPV6CP Configure-Request 1 id=b opt2=0001
		< IPV6CP Configure-Reject 1 opt2=0001
		> IPV6CP Configure-Request 2 id=b
		< IPV6CP Configure-Ack 2 id=b
		> IPV6CP Configure-Ack 1 id=a
		* IPv6Opened a b
		= Opened Initial Opened
	`)
}

// RFC 5072, section 4.1: a random identifier stays the same when IPV6CP is renegotiated; its "u"
// bit is zero.
func TestIPV6CPRandomIdentifier(t *testing.T) {
	cfg := ipv6(0)
	cfg.Rand = func() uint32 { return 0xffffffff }
	dialogue(t, cfg, `
		up
		< LCP Configure-Request 1 magic=ffffffff
		> LCP Configure-Request 1
		< LCP Configure-Ack 1
		> LCP Configure-Ack 1 magic=ffffffff
		* LCPOpened 1500
		< IPV6CP Configure-Request 1 id=fdffffffffffffff
		> IPV6CP Configure-Request 1 id=b
		< IPV6CP Configure-Ack 1 id=b
		> IPV6CP Configure-Ack 1 id=fdffffffffffffff
		* IPv6Opened fdffffffffffffff b
		> IPV6CP Configure-Request 2 id=b
		* IPv6Closed the peer renegotiates IPV6CP
		< IPV6CP Configure-Request 2 id=fdffffffffffffff
		< IPV6CP Configure-Ack 2 id=b
	`)
}

// The rules of RFC 5072, section 4.1, for the peer's identifier.
func TestIPV6CPPeerIdentifiers(t *testing.T) {
	dialogue(t, ipv6(0xa), lcpOpen6+`
		< IPV6CP Configure-Request 1 id=a
		# zero: the peer requests one
		> IPV6CP Configure-Request 1 id=0
		< IPV6CP Configure-Nak 1 id=400000005
		# equal to ours
		> IPV6CP Configure-Request 2 id=a
		< IPV6CP Configure-Nak 2 id=600000007
		# missing: suggested once (when no option is rejected), then accepted without
		> IPV6CP Configure-Request 3 opt9=01
		< IPV6CP Configure-Reject 3 opt9=01
		> IPV6CP Configure-Request 3
		< IPV6CP Configure-Nak 3 id=800000009
		> IPV6CP Configure-Request 4
		< IPV6CP Configure-Ack 4
		> IPV6CP Configure-Ack 1 id=a
		* IPv6Opened a 0
	`)
}

func TestIPV6CPIdentifiersCollide(t *testing.T) {
	dialogue(t, ipv6(0xa), lcpOpen6+`
		< IPV6CP Configure-Request 1 id=a
		> IPV6CP Configure-Request 1 id=a
		< IPV6CP Configure-Nak 1 id=400000005
		# the same as in our Nak: we choose another
		> IPV6CP Configure-Nak 1 id=400000005
		< IPV6CP Configure-Request 2 id=600000007
		# a unique one: accepted
		> IPV6CP Configure-Nak 2 id=cc
		< IPV6CP Configure-Request 3 id=cc
		> IPV6CP Configure-Request 2 id=dd
		< IPV6CP Configure-Ack 2 id=dd
		# zero, and then the peer's own: refused
		> IPV6CP Configure-Nak 3 id=0
		< IPV6CP Configure-Request 4 id=800000009
		> IPV6CP Configure-Nak 4 id=dd
		< IPV6CP Configure-Request 5 id=a0000000b
		> IPV6CP Configure-Ack 5 id=a0000000b
		* IPv6Opened a0000000b dd
	`)
}

func TestIPV6CPFails(t *testing.T) {
	cfg := ipv6(0xa)
	cfg.MaxFailure = 1
	dialogue(t, cfg, lcpOpen6+`
		< IPV6CP Configure-Request 1 id=a
		> IPV6CP Configure-Request 1 id=a
		< IPV6CP Configure-Nak 1 id=400000005
		> IPV6CP Configure-Request 2 id=a
		< IPV6CP Terminate-Request 2 the peer insists on interface identifier 000000000000000a, which is our own
	`)
	dialogue(t, cfg, lcpOpen6+`
		< IPV6CP Configure-Request 1 id=a
		> IPV6CP Configure-Request 1 id=0
		< IPV6CP Configure-Nak 1 id=400000005
		# Max-Failure: a further Nak becomes a Reject
		> IPV6CP Configure-Request 2 id=0
		< IPV6CP Configure-Reject 2 id=0
		> IPV6CP Configure-Reject 1 id=a
		< IPV6CP Terminate-Request 2 the peer rejected our interface identifier
	`)
}
