package ppp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Known answers, computed with Python's hashlib: md5(Identifier, secret, Challenge).
func TestCHAPHash(t *testing.T) {
	count := make([]byte, 16)
	for i := range count {
		count[i] = byte(i)
	}
	for _, tc := range []struct {
		id        uint8
		secret    string
		challenge []byte
		want      string
	}{
		{1, "correct horse", count, "6153253a69f8ee3881a5f3bc4f56238d"},
		{255, "x", bytes.Repeat([]byte{0xff}, 255), "8200e82a25c4dd268784de8f5a2f48f0"},
		{0, strings.Repeat("s", 255), []byte("c"), "87275a36aa77676d6ef8fcdae4101a4c"},
	} {
		if got := fmt.Sprintf("%x", chapHash(tc.id, Secret(tc.secret), tc.challenge)); got != tc.want {
			t.Errorf("%d %q: got %s, want %s", tc.id, tc.secret, got, tc.want)
		}
	}
}

// mutual returns a configuration with CHAP in both directions.
func mutual() Config {
	return Config{
		Auth: &AuthConfig{
			Require: ProtocolCHAP, Allow: []Protocol{ProtocolCHAP},
			Name: "pe1", Secret: Secret("secret one"), PeerName: "pe2", PeerSecret: Secret("secret two"),
		},
		IPv4: &IPv4Config{Mode: Unnumbered},
	}
}

// chapOnly returns a configuration in which only the peer authenticates itself.
func chapOnly() Config {
	cfg := mutual()
	cfg.Auth.Allow = nil
	return cfg
}

const (
	mutualLCP = `
		up
		< LCP Configure-Request 1 auth=c22305 magic=00000001
		> LCP Configure-Request 1 auth=c22305 magic=000000bb
		< LCP Configure-Ack 1 auth=c22305 magic=000000bb
		> LCP Configure-Ack 1 auth=c22305 magic=00000001
		* LCPOpened 1500
		< CHAP Challenge 1 00000002000000030000000400000005 pe1
	`
	chapLCP = `
		up
		< LCP Configure-Request 1 auth=c22305 magic=00000001
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		> LCP Configure-Ack 1 auth=c22305 magic=00000001
		* LCPOpened 1500
		< CHAP Challenge 1 00000002000000030000000400000005 pe1
	`
	// Responses, computed with Python's hashlib: the peer's correct ones to our Challenges 1 and 2,
	// one with a wrong secret, and ours to Challenges 7 (aabbccdd) and 8 (0102).
	theirs1 = "8994887d173738f174feb52840805e5c"
	theirs2 = "dfab1233f8aee4773c0c0762671ceab8"
	wrong1  = "d1c1982de4de4c3e65261e58e0fe0b88"
	ours7   = "fccb3dcd6ae0c85b0e68cbf7ad309c39"
	ours8   = "86ba7278b84368ff8489e865e86bc958"
)

// RFC 1661, section 3.5: no network protocol runs before both ends have authenticated themselves.
func TestMutualCHAP(t *testing.T) {
	l := dialogue(t, mutual(), mutualLCP+`
		= Opened Initial Initial
		# silently discarded during authentication
		> IPCP Configure-Request 1
		> frame 80fd 01010004
		> CHAP Challenge 7 aabbccdd pe2
		< CHAP Response 7 `+ours7+` pe1
		> CHAP Response 1 `+theirs1+` pe2
		< CHAP Success 1
		= Opened Initial Initial
		# a Success with another Identifier is discarded
		> CHAP Success 6
		> CHAP Success 7 welcome
		< IPCP Configure-Request 1
		= Opened Req-Sent Initial
		# RFC 1994, section 4.1: our Success was lost. Any Response gets the same
		# reply, so that guesses reveal nothing
		> CHAP Response 1 `+theirs1+` pe2
		< CHAP Success 1
		> CHAP Response 1 00 x
		< CHAP Success 1
		> CHAP Response 2 `+theirs1+` pe2
		# repeated replies of the peer are late
		> CHAP Success 7
		> CHAP Failure 7
		# the peer challenges us again
		> CHAP Challenge 8 0102 pe2
		< CHAP Response 8 `+ours8+` pe1
		> CHAP Success 8
		= Opened Req-Sent Initial
		wait 2s
	`)
	s := l.Status()
	want := AuthStatus{Protocol: ProtocolCHAP, State: AuthPassed, Name: "pe2", Passed: epoch}
	if s.PeerAuth != want {
		t.Errorf("peer %+v, want %+v", s.PeerAuth, want)
	}
	if want.Name = "pe1"; s.LocalAuth != want {
		t.Errorf("local %+v, want %+v", s.LocalAuth, want)
	}
	if d := s.Discards; d[DiscardWrongPhase] != 2 || d[DiscardBadID] != 4 {
		t.Errorf("discards %v", d)
	}
}

// The packets have the format of RFC 1994, section 4.
func TestCHAPOnTheWire(t *testing.T) {
	l := New(func() Config { c := mutual(); c.Rand = counter(); return c }())
	var out Output
	l.Up(epoch, &out)
	for _, f := range []string{"c021 0101000f 0305c22305 0506 000000bb", "c021 0201000f 0305c22305 0506 00000001"} {
		out.Reset()
		l.Receive(epoch, unhex(t, f), &out)
	}
	out2 := Output{}
	l.Receive(epoch, unhex(t, "c223 0107 000c 04 aabbccdd 706532"), &out2)
	got := fmt.Sprintf("%x %x", out.buf, out2.buf)
	want := "c223" + "0101" + "0018" + "10" + "00000002000000030000000400000005" + "706531" +
		" c223" + "0207" + "0018" + "10" + ours7 + "706531"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCHAPWrongSecret(t *testing.T) {
	for _, tc := range []struct{ response, reason string }{
		{wrong1 + " pe2", `CHAP: the secret of "pe2" differs from the one configured here`},
		{theirs1 + " pe3", `CHAP: the peer named itself "pe3", expected "pe2"`},
		{theirs1, `CHAP: the peer named itself "", expected "pe2"`},
		{theirs1 + " pe1", `CHAP: the peer named itself "pe1", expected "pe2"`},
		{"00 pe2", `CHAP: the secret of "pe2" differs from the one configured here`},
		{theirs1 + "00 pe2", `CHAP: the secret of "pe2" differs from the one configured here`},
	} {
		l := dialogue(t, chapOnly(), chapLCP+`
			> CHAP Response 1 `+tc.response+`
			< CHAP Failure 1 wrong name or secret
			* LCPClosed `+tc.reason+`
			< LCP Terminate-Request 2 CHAP: wrong name or secret
			# no second try
			> CHAP Response 1 `+theirs1+` pe2
			> LCP Terminate-Ack 2
			* LinkFailed `+tc.reason+`
			= Stopped Initial Initial
		`)
		if s := l.Status(); s.PeerAuth.State != AuthFailed || s.LCPReason != tc.reason {
			t.Errorf("status %+v", s)
		}
	}
}

// Without a configured peer name any name except ours is accepted: the secret decides.
func TestCHAPAnyName(t *testing.T) {
	cfg := chapOnly()
	cfg.Auth.PeerName = ""
	dialogue(t, cfg, chapLCP+`
		> CHAP Response 1 `+theirs1+` a router
		< CHAP Success 1
		< IPCP Configure-Request 1
	`)
	reason := `CHAP: the peer named itself "pe1", which is our own name`
	dialogue(t, cfg, chapLCP+`
		> CHAP Response 1 `+theirs1+` pe1
		< CHAP Failure 1 wrong name or secret
		* LCPClosed `+reason+`
		< LCP Terminate-Request 2 CHAP: wrong name or secret
	`)
}

// RFC 1994, section 4.1: a Challenge is repeated with another Identifier and Value, up to
// Max-Configure times.
func TestCHAPNoResponse(t *testing.T) {
	cfg := chapOnly()
	cfg.MaxConfigure, cfg.RestartInitial = 3, time.Second
	dialogue(t, cfg, chapLCP+`
		wait 1s
		< CHAP Challenge 2 00000006000000070000000800000009 pe1
		# a Response to the previous Challenge
		> CHAP Response 1 `+theirs1+` pe2
		wait 2s
		< CHAP Challenge 3 0000000a0000000b0000000c0000000d pe1
		wait 2999ms
		= Opened Initial Initial
		wait 1ms
		* LCPClosed CHAP: the peer did not answer 3 Challenges
		< LCP Terminate-Request 2 CHAP: no Response
	`)
}

// RFC 1994, section 4.1: a Response is repeated, because the Success may have been lost.
func TestCHAPNoSuccess(t *testing.T) {
	cfg := mutual()
	cfg.Auth.Require, cfg.MaxConfigure, cfg.RestartInitial = 0, 2, time.Second
	const open = `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 auth=c22305 magic=000000bb
		< LCP Configure-Ack 1 auth=c22305 magic=000000bb
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
	`
	dialogue(t, cfg, open+`
		wait 5s
		> CHAP Challenge 7 aabbccdd pe2
		< CHAP Response 7 `+ours7+` pe1
		wait 1s
		< CHAP Response 7 `+ours7+` pe1
		wait 2s
		* LCPClosed CHAP: the peer did not answer 2 Responses
		< LCP Terminate-Request 2 CHAP: the peer did not answer 2 Responses
	`)
	dialogue(t, cfg, open+`
		wait 6s
		* LCPClosed CHAP: no Challenge from the peer within 6 s
		< LCP Terminate-Request 2 CHAP: no Challenge from the peer within 6 s
	`)
	// After a Success, a later Challenge without a reply to our Response does not end the link.
	dialogue(t, cfg, open+`
		> CHAP Challenge 7 aabbccdd pe2
		< CHAP Response 7 `+ours7+` pe1
		> CHAP Success 7
		< IPCP Configure-Request 1
		> IPCP Configure-Request 1
		< IPCP Configure-Ack 1
		> IPCP Configure-Ack 1
		* IPv4Opened none none
		> CHAP Challenge 8 0102 pe2
		< CHAP Response 8 `+ours8+` pe1
		wait 1s
		< CHAP Response 8 `+ours8+` pe1
		wait 1h
		= Opened Opened Initial
	`)
}

// RFC 1661, section 3.5: a peer that rejects us terminates the link. If it does not, we do.
func TestCHAPPeerRejectsUs(t *testing.T) {
	const reason = "CHAP: pe2 rejected our authentication: no such customer"
	const refused = mutualLCP + `
		> CHAP Response 1 ` + theirs1 + ` pe2
		< CHAP Success 1
		> CHAP Challenge 7 aabbccdd pe2
		< CHAP Response 7 ` + ours7 + ` pe1
		> CHAP Failure 7 no such customer
		= Opened Initial Initial
	`
	dialogue(t, mutual(), refused+`
		> LCP Terminate-Request 3 Authentication failed
		* LCPClosed `+reason+`
		< LCP Terminate-Ack 3
		wait 3s
		* LinkFailed `+reason+`
	`)
	dialogue(t, mutual(), refused+`
		# no second chance
		> CHAP Challenge 8 0102 pe2
		wait 3s
		* LCPClosed `+reason+`
		< LCP Terminate-Request 2 `+reason+`
	`)
}

// A peer that cannot answer our Challenge may send it to us, to get the Response.
func TestCHAPReflection(t *testing.T) {
	dialogue(t, mutual(), mutualLCP+`
		> CHAP Challenge 1 00000002000000030000000400000005 pe2
		* LCPClosed CHAP: the peer returned our own Challenge
		< LCP Terminate-Request 2 CHAP: the peer returned our own Challenge
	`)
	dialogue(t, mutual(), mutualLCP+`
		> CHAP Challenge 1 0001 pe1
		* LCPClosed CHAP: the peer's Challenge carries our own name, "pe1"
		< LCP Terminate-Request 2 CHAP: the peer's Challenge carries our own name, "pe1"
	`)
}

// RFC 1994, section 2: the peer of an open link is challenged at random intervals, here the
// shortest. The network protocols remain Opened meanwhile.
func TestCHAPRechallenge(t *testing.T) {
	cfg := chapOnly()
	cfg.Auth.Rechallenge = time.Minute
	const opened = chapLCP + `
		> CHAP Response 1 ` + theirs1 + ` pe2
		< CHAP Success 1
		< IPCP Configure-Request 1
		> IPCP Configure-Request 1
		< IPCP Configure-Ack 1
		> IPCP Configure-Ack 1
		* IPv4Opened none none
		wait 44999ms
		wait 2ms
		< CHAP Challenge 2 0000000700000008000000090000000a pe1
	`
	dialogue(t, cfg, opened+`
		= Opened Opened Initial
		> CHAP Response 2 `+theirs2+` pe2
		< CHAP Success 2
		wait 44998ms
		= Opened Opened Initial
		wait 3ms
		< CHAP Challenge 3 0000000c0000000d0000000e0000000f pe1
	`)
	reason := `CHAP: the secret of "pe2" differs from the one configured here`
	dialogue(t, cfg, opened+`
		> CHAP Response 2 `+theirs1+` pe2
		< CHAP Failure 2 wrong name or secret
		* IPv4Closed `+reason+`
		* LCPClosed `+reason+`
		< LCP Terminate-Request 2 CHAP: wrong name or secret
	`)
	cfg.MaxConfigure = 1
	dialogue(t, cfg, opened+`
		wait 3s
		* IPv4Closed CHAP: the peer did not answer 1 Challenges
		* LCPClosed CHAP: the peer did not answer 1 Challenges
		< LCP Terminate-Request 2 CHAP: no Response
	`)
}

// The interval is evenly distributed from 3/4 to 5/4 of the configured value.
func TestRechallengeIsSpread(t *testing.T) {
	for rand, want := range map[uint32]time.Duration{
		0: 45 * time.Second, 1 << 31: time.Minute, 1<<32 - 1: 75*time.Second - 1,
	} {
		l := New(Config{Rand: func() uint32 { return rand }})
		if got := l.spread(time.Minute); got < want-10 || got > want+10 {
			t.Errorf("%d: got %v, want %v", rand, got, want)
		}
	}
}

// Packets that are incomplete or unexpected are silently discarded.
func TestCHAPDiscards(t *testing.T) {
	l := dialogue(t, chapOnly(), chapLCP+`
		> frame c223 0201
		> frame c223 0201 0004
		> frame c223 0201 0005 00
		> frame c223 0201 0006 10aa
		> frame c223 0201 0100 10aa
		# octets beyond the Length are padding (RFC 1994, section 4), here of an unknown code
		> frame c223 0903 0004 ffff
		# the peer has not requested our authentication
		> CHAP Challenge 1 aabb pe2
		> CHAP Success 1
		= Opened Initial Initial
	`)
	d := l.Status().Discards
	if d[DiscardBadLength] != 5 || d[DiscardUnknownCode] != 1 || d[DiscardWrongPhase] != 1 || d[DiscardBadID] != 1 {
		t.Errorf("discards %v", d)
	}
}

// A renegotiation includes a new authentication.
func TestCHAPAfterRenegotiation(t *testing.T) {
	dialogue(t, chapOnly(), chapLCP+`
		> CHAP Response 1 `+theirs1+` pe2
		< CHAP Success 1
		< IPCP Configure-Request 1
		> LCP Configure-Request 2
		* LCPClosed the peer renegotiates LCP
		< LCP Configure-Request 2 auth=c22305 magic=00000006
		< LCP Configure-Ack 2
		> CHAP Response 1 `+theirs1+` pe2
		> LCP Configure-Ack 2 auth=c22305 magic=00000006
		* LCPOpened 1500
		< CHAP Challenge 2 0000000700000008000000090000000a pe1
		= Opened Starting Initial
	`)
}

// The peer rejects CHAP after it agreed to it.
func TestCHAPIsProtocolRejected(t *testing.T) {
	dialogue(t, chapOnly(), chapLCP+`
		> LCP Protocol-Reject 1 c223 0101
		* LCPClosed the peer does not support CHAP (Protocol-Reject), and authentication is required
		< LCP Terminate-Request 2 the peer does not support CHAP (Protocol-Reject), and authentication is required
	`)
}
