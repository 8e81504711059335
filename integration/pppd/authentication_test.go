package pppd

import (
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// The names and secrets are those of the files that pppd reads, see secrets.
var (
	knowUs   = []string{"name", "theirs", "auth", "require-chap"} // pppd wants to know who we are
	sayWho   = []string{"name", "theirs", "remotename", "ours"}   // pppd says who it is, if asked
	ourProof = ppp.AuthConfig{Allow: []ppp.Protocol{ppp.ProtocolCHAP}, Name: "ours", Secret: ppp.Secret("our secret")}
	askThem  = ppp.AuthConfig{Require: ppp.ProtocolCHAP, Name: "ours", PeerName: "theirs", PeerSecret: ppp.Secret("their secret")}
	mutual   = ppp.AuthConfig{
		Allow: ourProof.Allow, Name: "ours", Secret: ourProof.Secret,
		Require: ppp.ProtocolCHAP, PeerName: "theirs", PeerSecret: askThem.PeerSecret,
	}
)

// with is both networks and an authentication.
func with(auth ppp.AuthConfig) ppp.Config {
	cfg := both()
	cfg.Auth = &auth
	return cfg
}

// RFC 1994.
func TestWeAuthenticateByCHAP(t *testing.T) {
	ours, theirs := connect(t, with(ourProof), theirIPv4, theirIPv6, knowUs)
	theirs.await(t, "rcvd [LCP ConfAck", "<auth chap MD5>")
	theirs.await(t, "sent [CHAP Challenge", `name = "theirs"`)
	theirs.await(t, "rcvd [CHAP Response", `name = "ours"`)
	theirs.await(t, "sent [CHAP Success")
	awaitBoth(t, ours, theirs)
}

func TestPPPDAuthenticatesByCHAP(t *testing.T) {
	ours, theirs := connect(t, with(askThem), theirIPv4, theirIPv6, sayWho)
	theirs.await(t, "rcvd [LCP ConfReq", "<auth chap MD5>")
	theirs.await(t, "rcvd [CHAP Challenge", `name = "ours"`)
	theirs.await(t, "sent [CHAP Response", `name = "theirs"`)
	theirs.await(t, "rcvd [CHAP Success")
	theirs.await(t, "CHAP authentication succeeded")
	awaitBoth(t, ours, theirs)
}

func TestBothAuthenticateByCHAP(t *testing.T) {
	ours, theirs := connect(t, with(mutual), theirIPv4, theirIPv6, knowUs, sayWho)
	theirs.await(t, "rcvd [CHAP Success")
	theirs.await(t, "sent [CHAP Success")
	awaitBoth(t, ours, theirs)
	var status ppp.Status
	ours.do(func(time.Time) { status = ours.link.Status() })
	if got := status.PeerAuth; got.Protocol != ppp.ProtocolCHAP || got.State != ppp.AuthPassed || got.Name != "theirs" {
		t.Errorf("authentication of pppd: %+v", got)
	}
	if got := status.LocalAuth; got.Protocol != ppp.ProtocolCHAP || got.State != ppp.AuthPassed || got.Name != "ours" {
		t.Errorf("authentication to pppd: %+v", got)
	}
}

// RFC 1994, section 4.1: each end may challenge the other again at any time.
func TestChallengesAreRepeated(t *testing.T) {
	auth := mutual
	auth.Rechallenge = time.Second
	ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, knowUs, sayWho, []string{"chap-interval", "1"})
	awaitBoth(t, ours, theirs)
	for range 3 {
		theirs.await(t, "rcvd [CHAP Challenge")
		theirs.await(t, "rcvd [CHAP Success")
		theirs.await(t, "sent [CHAP Challenge")
		theirs.await(t, "sent [CHAP Success")
	}
	pingIPv4(t, ours, theirs, 56)
}

// What fails at authentication, as either end tells it. No network protocol runs before.
func TestAuthenticationFails(t *testing.T) {
	const goesOn = 0 // pppd offers the link without authentication, again and again
	wrong := ppp.Secret("another secret")
	change := func(auth ppp.AuthConfig, f func(*ppp.AuthConfig)) ppp.Config {
		f(&auth)
		return with(auth)
	}
	tests := []struct {
		name   string
		cfg    ppp.Config
		pppd   []string
		reason string // ours
		log    string // pppd's
		exit   int
	}{
		{
			"our secret is wrong", change(ourProof, func(a *ppp.AuthConfig) { a.Secret = wrong }), knowUs,
			"CHAP: theirs rejected our authentication: ", "Peer ours failed CHAP authentication", exitPeerUnknown,
		},
		{
			"pppd does not know our name", change(ourProof, func(a *ppp.AuthConfig) { a.Name = "somebody" }), knowUs,
			"CHAP: theirs rejected our authentication", "No CHAP secret found for authenticating somebody", exitPeerUnknown,
		},
		{
			"pppd's secret is wrong", change(askThem, func(a *ppp.AuthConfig) { a.PeerSecret = wrong }), sayWho,
			`CHAP: the secret of "theirs" differs from the one configured here`, "CHAP authentication failed", exitPeerRefusedUs,
		},
		{
			"pppd has the name of another", change(askThem, func(a *ppp.AuthConfig) { a.PeerName = "somebody" }), sayWho,
			`CHAP: the peer named itself "theirs", expected "somebody"`, "CHAP authentication failed", exitPeerRefusedUs,
		},
		{
			"pppd refuses to say who it is", with(askThem),
			[]string{"refuse-chap"},
			"the peer rejects authentication by CHAP, which is required here",
			`rcvd [LCP TermReq id=0x2 "the peer rejects authentication by CHAP, which is required here"]`, goesOn,
		},
		{
			"we cannot say who we are", both(), knowUs,
			"the peer sent Terminate-Request: peer refused to authenticate", "peer refused to authenticate", exitPeerUnknown,
		},
		{
			"PAP is not allowed", with(ourProof),
			[]string{"name", "theirs", "auth", "require-pap"},
			"the peer sent Terminate-Request: peer refused to authenticate", "peer refused to authenticate", exitPeerUnknown,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := connect(t, tt.cfg, theirIPv4, theirIPv6, tt.pppd)
			failed := ours.events.await(t, "our event LinkFailed", func(e ppp.Event) bool { _, ok := e.(ppp.LinkFailed); return ok }).(ppp.LinkFailed)
			if !strings.HasPrefix(failed.Reason, tt.reason) {
				t.Errorf("our reason: %s, want %s", failed.Reason, tt.reason)
			}
			theirs.await(t, tt.log)
			if tt.exit != goesOn {
				theirs.awaitExit(t, tt.exit)
			}
			theirs.forgive("Discarded non-LCP packet when LCP not open") // our IPCP, while it terminates
			for _, e := range ours.events.all() {
				switch e.(type) {
				case ppp.IPv4Opened, ppp.IPv6Opened:
					t.Errorf("%#v without authentication", e)
				}
			}
		})
	}
}

// RFC 1334. PAP shows the secret, so it is spoken only where it is allowed.
func TestWeAuthenticateByPAP(t *testing.T) {
	auth := ourProof
	auth.Allow = []ppp.Protocol{ppp.ProtocolPAP}
	ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, []string{"name", "theirs", "auth", "require-pap"})
	theirs.await(t, "rcvd [PAP AuthReq", `user="ours"`)
	theirs.await(t, "sent [PAP AuthAck")
	awaitBoth(t, ours, theirs)
}

func TestPPPDAuthenticatesByPAP(t *testing.T) {
	auth := askThem
	auth.Require = ppp.ProtocolPAP
	ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, sayWho)
	theirs.await(t, "sent [PAP AuthReq", `user="theirs"`)
	theirs.await(t, "rcvd [PAP AuthAck")
	theirs.await(t, "PAP authentication succeeded")
	awaitBoth(t, ours, theirs)
}

// RFC 1661, section 5.3: we ask for CHAP instead of PAP by a Configure-Nak, and pppd for PAP
// instead of CHAP.
func TestTheyAgreeOnAProtocol(t *testing.T) {
	t.Run("CHAP", func(t *testing.T) {
		ours, theirs := connect(t, with(ourProof), theirIPv4, theirIPv6, knowUs, []string{"require-pap"})
		theirs.await(t, "rcvd [CHAP Response")
		awaitBoth(t, ours, theirs)
	})
	t.Run("PAP", func(t *testing.T) {
		auth := ourProof
		auth.Allow = []ppp.Protocol{ppp.ProtocolPAP}
		ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, knowUs, []string{"require-pap"})
		theirs.await(t, "rcvd [LCP ConfNak", "<auth pap>")
		theirs.await(t, "rcvd [PAP AuthReq")
		awaitBoth(t, ours, theirs)
	})
}
