package ppp

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A peer that does not authenticate itself as required gets no link.
func TestAuthenticationIsRequired(t *testing.T) {
	for answer, reason := range map[string]string{
		"Configure-Reject 1 auth=c22305": "the peer rejects authentication by CHAP, which is required here",
		"Configure-Nak 1 auth=c023":      "the peer offers PAP instead of CHAP, which is required here",
		"Configure-Nak 1 auth=c22380":    "the peer offers CHAP with algorithm 128 instead of CHAP, which is required here",
		"Configure-Nak 1 auth=c227":      "the peer offers EAP instead of CHAP, which is required here",
		"Configure-Nak 1 auth=01":        "the peer offers a protocol 01 instead of CHAP, which is required here",
	} {
		dialogue(t, chapOnly(), `
			up
			< LCP Configure-Request 1 auth=c22305 magic=00000001
			> LCP `+answer+`
			< LCP Terminate-Request 2 `+reason+`
			> LCP Terminate-Ack 2
			* LinkFailed `+reason+`
		`)
	}
	// After a Nak of another option the request still requires authentication.
	dialogue(t, chapOnly(), `
		up
		< LCP Configure-Request 1 auth=c22305 magic=00000001
		> LCP Configure-Nak 1 magic=000000cc auth=c22305
		< LCP Configure-Request 2 auth=c22305 magic=000000cc
		# an Ack without the option is discarded
		> LCP Configure-Ack 2 magic=000000cc
		= Req-Sent Initial Initial
	`)
}

// RFC 1334, section 2: CHAP is suggested before PAP. RFC 1994, section 3: of the algorithms of CHAP
// only MD5 is supported.
func TestAuthenticationRequiredByPeer(t *testing.T) {
	cfg := mutual()
	cfg.Auth.Require, cfg.Auth.Allow = 0, []Protocol{ProtocolPAP, ProtocolCHAP}
	cfg.MaxFailure = 3
	dialogue(t, cfg, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 auth=c22381
		< LCP Configure-Nak 1 auth=c22305
		> LCP Configure-Request 2 auth=c22305
		< LCP Configure-Ack 2 auth=c22305
	`)
	dialogue(t, cfg, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 auth=c023
		< LCP Configure-Nak 1 auth=c22305
		> LCP Configure-Request 2 auth=c023
		< LCP Configure-Ack 2 auth=c023
	`)
	cfg.Auth.Allow = []Protocol{ProtocolCHAP}
	dialogue(t, cfg, `
		up
		< LCP Configure-Request 1 magic=00000001
		`+strings.Repeat(`
		> LCP Configure-Request 1 auth=c023
		< LCP Configure-Nak 1 auth=c22305
		`, 2)+`
		> LCP Configure-Request 2 auth=c023
		< LCP Configure-Nak 2 auth=c22305
		> LCP Configure-Request 3 auth=c227
		< LCP Configure-Nak 3 auth=c22305
		> LCP Configure-Request 4 auth=c023
		< LCP Configure-Reject 4 auth=c023
		> LCP Terminate-Request 5 bye
		< LCP Terminate-Ack 5
		> LCP Code-Reject 6 01
		* LinkFailed the peer does not support LCP Configure-Request (Code-Reject); it requires us to authenticate by PAP, but only CHAP is allowed here
	`)
}

// If the peer ends the link after we refused to authenticate, the reason includes the refusal.
func TestAuthenticationNotConfigured(t *testing.T) {
	dialogue(t, Config{MaxConfigure: 1}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 auth=c22305
		< LCP Configure-Reject 1 auth=c22305
		> LCP Terminate-Request 2 peer refused to authenticate
		< LCP Terminate-Ack 2
		wait 3s
		* LinkFailed the peer sent Terminate-Request: peer refused to authenticate; it requires us to authenticate by CHAP, which is not configured here
	`)
	// If the peer then requests no authentication, the reason does not include it.
	dialogue(t, Config{MaxConfigure: 1}, `
		up
		< LCP Configure-Request 1 magic=00000001
		> LCP Configure-Request 1 auth=c22305
		< LCP Configure-Reject 1 auth=c22305
		> LCP Configure-Request 2
		< LCP Configure-Ack 2
		wait 3s
		* LinkFailed the peer did not answer 1 Configure-Requests
	`)
}

func TestAuthConfigValidate(t *testing.T) {
	good := func() *AuthConfig { return mutual().Auth }
	for want, change := range map[string]func(*AuthConfig){
		"":                                       func(*AuthConfig) {},
		"Allow LCP: must be CHAP or PAP":         func(c *AuthConfig) { c.Allow = []Protocol{ProtocolLCP} },
		"Require EAP: must be CHAP, PAP or none": func(c *AuthConfig) { c.Require = 0xc227 },
		"must Require or Allow a protocol":       func(c *AuthConfig) { c.Require, c.Allow = 0, nil },
		"Name of 0 octets: must be 1 to 255":     func(c *AuthConfig) { c.Name = "" },
		"PeerName of 256 octets":                 func(c *AuthConfig) { c.PeerName = strings.Repeat("x", 256) },
		`Name and PeerName are both "pe1"`:       func(c *AuthConfig) { c.PeerName = "pe1" },
		"Auth: Secret of 0 octets":               func(c *AuthConfig) { c.Secret = nil },
		"PeerSecret of 256 octets":               func(c *AuthConfig) { c.PeerSecret = make(Secret, 256) },
		"Rechallenge -1ns: must not be negative": func(c *AuthConfig) { c.Rechallenge = -1 },
		"only with CHAP in Require":              func(c *AuthConfig) { c.Require, c.Rechallenge = ProtocolPAP, time.Minute },
	} {
		auth := good()
		change(auth)
		err := (&Config{Rand: counter(), Auth: auth}).Validate()
		switch {
		case want == "" && err != nil:
			t.Errorf("valid configuration: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := (&Config{Rand: counter(), Auth: good(), MRU: 500}).Validate(); err == nil {
		t.Error("an MRU that is too small for names is valid")
	}
}

// No verb of package fmt prints the secrets of a configuration.
func TestSecretsStayHidden(t *testing.T) {
	c := mutual().Auth
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		text := fmt.Sprintf(verb, *c) + fmt.Sprintf(verb, c.Secret)
		for _, shown := range []string{"secret one", "secret two", fmt.Sprintf("%x", "secret"), "115 101 99"} {
			if strings.Contains(text, shown) {
				t.Errorf("%s shows %q", verb, text)
			}
		}
	}
}
