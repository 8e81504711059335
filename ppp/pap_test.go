package ppp

import (
	"testing"
	"time"
)

// papOnly returns a configuration in which only the peer authenticates itself, by PAP.
func papOnly() Config {
	cfg := mutual()
	cfg.Auth.Require, cfg.Auth.Allow = ProtocolPAP, nil
	cfg.Auth.PeerSecret = Secret("secret-two")
	return cfg
}

// papAllowed returns a configuration that allows us to send our secret in the clear, to a peer that
// requires PAP.
func papAllowed() Config {
	cfg := mutual()
	cfg.Auth.Require, cfg.Auth.Allow = 0, []Protocol{ProtocolPAP}
	cfg.Auth.Secret = Secret("secret-one")
	cfg.MaxConfigure, cfg.RestartInitial = 2, time.Second
	return cfg
}

const (
	papLCP = `
		up
		< LCP Configure-Request 1 auth=c023 magic=00000001
		> LCP Configure-Request 1 magic=000000bb
		< LCP Configure-Ack 1 magic=000000bb
		> LCP Configure-Ack 1 auth=c023 magic=00000001
		* LCPOpened 1500
	`
	papAllowedLCP = `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 auth=c023 magic=000000bb
		< LCP Configure-Ack 1 auth=c023 magic=000000bb
		> LCP Configure-Ack 1 magic=00000001
		* LCPOpened 1500
		< PAP Authenticate-Request 1 pe1 secret-one
	`
)

// RFC 1334, section 2.2.1: repeated requests get the same reply.
func TestPAPOfPeer(t *testing.T) {
	l := dialogue(t, papOnly(), papLCP+`
		> IPCP Configure-Request 1
		# truncated
		> frame c023 0105 0004
		> frame c023 0105 0006 0570
		> frame c023 0105 0009 03706532 05
		> frame c023 0905 0004
		> PAP Authenticate-Ack 5
		> PAP Authenticate-Request 5 pe2 secret-two
		< PAP Authenticate-Ack 5
		< IPCP Configure-Request 1
		> PAP Authenticate-Request 6 pe2 another
		< PAP Authenticate-Ack 6
		= Opened Req-Sent Initial
	`)
	s := l.Status()
	if s.PeerAuth.State != AuthPassed || s.PeerAuth.Name != "pe2" || s.PeerAuth.Protocol != ProtocolPAP {
		t.Errorf("status %+v", s.PeerAuth)
	}
	if d := s.Discards; d[DiscardBadLength] != 3 || d[DiscardUnknownCode] != 1 || d[DiscardBadID] != 1 || d[DiscardWrongPhase] != 1 {
		t.Errorf("discards %v", d)
	}
}

func TestPAPWrongPassword(t *testing.T) {
	for request, reason := range map[string]string{
		"pe2 secret":     `PAP: the secret of "pe2" differs from the one configured here`,
		"pe3 secret-two": `PAP: the peer named itself "pe3", expected "pe2"`,
	} {
		dialogue(t, papOnly(), papLCP+`
			> PAP Authenticate-Request 5 `+request+`
			< PAP Authenticate-Nak 5 wrong name or secret
			* LCPClosed `+reason+`
			< LCP Terminate-Request 2 PAP: wrong name or secret
			> PAP Authenticate-Request 6 pe2 secret-two
			> LCP Terminate-Ack 2
			* LinkFailed `+reason+`
		`)
	}
}

func TestPAPNoRequest(t *testing.T) {
	dialogue(t, papOnly(), papLCP+`
		wait 29999ms
		wait 1ms
		* LCPClosed PAP: no Authenticate-Request from the peer within 30 s
		< LCP Terminate-Request 2 PAP: no Authenticate-Request
	`)
}

// RFC 1334, section 2.2.1: a request is repeated, each time with another Identifier.
func TestPAPOfOurs(t *testing.T) {
	dialogue(t, papAllowed(), papAllowedLCP+`
		wait 1s
		< PAP Authenticate-Request 2 pe1 secret-one
		> PAP Authenticate-Ack 1
		= Opened Initial Initial
		> PAP Authenticate-Ack 2 welcome
		< IPCP Configure-Request 1
		# a late reply, and a request for an authentication that was not agreed on
		> PAP Authenticate-Nak 2
		> PAP Authenticate-Request 1 x y
		= Opened Req-Sent Initial
	`)
	dialogue(t, papAllowed(), papAllowedLCP+`
		wait 1s
		< PAP Authenticate-Request 2 pe1 secret-one
		wait 2s
		* LCPClosed PAP: the peer did not answer 2 Authenticate-Requests
		< LCP Terminate-Request 2 PAP: the peer did not answer 2 Authenticate-Requests
	`)
	dialogue(t, papAllowed(), papAllowedLCP+`
		> PAP Authenticate-Nak 1 go away
		> LCP Terminate-Request 1 failed
		* LCPClosed PAP: the peer rejected our authentication: go away
		< LCP Terminate-Ack 1
	`)
}
