package pppd

import (
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ppp"
)

// Options of pppd and configurations of our end. The names and secrets are those of the files that
// pppd reads, see secrets.
var (
	// requireOurs makes pppd require that we authenticate ourselves.
	requireOurs = []string{"name", "theirs", "auth", "require-chap"}
	// pppdName lets pppd authenticate itself.
	pppdName = []string{"name", "theirs", "remotename", "ours"}

	allowOurs     = ppp.AuthConfig{Allow: []ppp.Protocol{ppp.ProtocolCHAP}, Name: "ours", Secret: ppp.Secret("our secret")}
	requireTheirs = ppp.AuthConfig{Require: ppp.ProtocolCHAP, Name: "ours", PeerName: "theirs", PeerSecret: ppp.Secret("their secret")}
	mutual        = ppp.AuthConfig{
		Allow: allowOurs.Allow, Name: "ours", Secret: allowOurs.Secret,
		Require: ppp.ProtocolCHAP, PeerName: "theirs", PeerSecret: requireTheirs.PeerSecret,
	}
)

// with returns a configuration with IPv4, IPv6 and an authentication.
func with(auth ppp.AuthConfig) ppp.Config {
	cfg := both()
	cfg.Auth = &auth
	return cfg
}

// CHAP: RFC 1994.
func TestWeAuthenticateByCHAP(t *testing.T) {
	ours, theirs := connect(t, with(allowOurs), theirIPv4, theirIPv6, requireOurs)
	theirs.await(t, "rcvd [LCP ConfAck", "<auth chap MD5>")
	theirs.await(t, "sent [CHAP Challenge", `name = "theirs"`)
	theirs.await(t, "rcvd [CHAP Response", `name = "ours"`)
	theirs.await(t, "sent [CHAP Success")
	awaitBoth(t, ours, theirs)
}

func TestPPPDAuthenticatesByCHAP(t *testing.T) {
	ours, theirs := connect(t, with(requireTheirs), theirIPv4, theirIPv6, pppdName)
	theirs.await(t, "rcvd [LCP ConfReq", "<auth chap MD5>")
	theirs.await(t, "rcvd [CHAP Challenge", `name = "ours"`)
	theirs.await(t, "sent [CHAP Response", `name = "theirs"`)
	theirs.await(t, "rcvd [CHAP Success")
	theirs.await(t, "CHAP authentication succeeded")
	awaitBoth(t, ours, theirs)
}

func TestBothAuthenticateByCHAP(t *testing.T) {
	ours, theirs := connect(t, with(mutual), theirIPv4, theirIPv6, requireOurs, pppdName)
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
	ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, requireOurs, pppdName, []string{"chap-interval", "1"})
	awaitBoth(t, ours, theirs)
	for range 3 {
		theirs.await(t, "rcvd [CHAP Challenge")
		theirs.await(t, "rcvd [CHAP Success")
		theirs.await(t, "sent [CHAP Challenge")
		theirs.await(t, "sent [CHAP Success")
	}
	pingIPv4(t, ours, theirs, 56)
}

// An authentication fails. Each end reports the reason, and no network protocol opens.
func TestAuthenticationFails(t *testing.T) {
	// pppd does not end: it negotiates again and again without authentication.
	const continues = 0
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
			"our secret is wrong", change(allowOurs, func(a *ppp.AuthConfig) { a.Secret = wrong }), requireOurs,
			"CHAP: theirs rejected our authentication: ", "Peer ours failed CHAP authentication", exitPeerAuthFailed,
		},
		{
			"pppd does not know our name", change(allowOurs, func(a *ppp.AuthConfig) { a.Name = "other" }), requireOurs,
			"CHAP: theirs rejected our authentication", "No CHAP secret found for authenticating other", exitPeerAuthFailed,
		},
		{
			"pppd's secret is wrong", change(requireTheirs, func(a *ppp.AuthConfig) { a.PeerSecret = wrong }), pppdName,
			`CHAP: the secret of "theirs" differs from the one configured here`, "CHAP authentication failed", exitOwnAuthFailed,
		},
		{
			"pppd has another name than configured", change(requireTheirs, func(a *ppp.AuthConfig) { a.PeerName = "other" }), pppdName,
			`CHAP: the peer named itself "theirs", expected "other"`, "CHAP authentication failed", exitOwnAuthFailed,
		},
		{
			"pppd refuses to authenticate itself", with(requireTheirs),
			[]string{"refuse-chap"},
			"the peer rejects authentication by CHAP, which is required here",
			`rcvd [LCP TermReq id=0x2 "the peer rejects authentication by CHAP, which is required here"]`, continues,
		},
		{
			"we cannot authenticate ourselves", both(), requireOurs,
			"the peer sent Terminate-Request: peer refused to authenticate", "peer refused to authenticate", exitPeerAuthFailed,
		},
		{
			"PAP is not allowed", with(allowOurs),
			[]string{"name", "theirs", "auth", "require-pap"},
			"the peer sent Terminate-Request: peer refused to authenticate", "peer refused to authenticate", exitPeerAuthFailed,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := connect(t, tt.cfg, theirIPv4, theirIPv6, tt.pppd)
			failed := ours.events.await(t, "our event LinkFailed", func(e ppp.Event) bool { _, ok := e.(ppp.LinkFailed); return ok }).(ppp.LinkFailed)
			if !strings.HasPrefix(failed.Reason, tt.reason) {
				t.Errorf("our reason: %s, want prefix %s", failed.Reason, tt.reason)
			}
			theirs.await(t, tt.log)
			if tt.exit != continues {
				theirs.awaitExit(t, tt.exit)
			}
			// pppd may receive our IPCP packet while it terminates the link.
			theirs.ignore("Discarded non-LCP packet when LCP not open")
			for _, e := range ours.events.all() {
				switch e.(type) {
				case ppp.IPv4Opened, ppp.IPv6Opened:
					t.Errorf("%#v without authentication", e)
				}
			}
		})
	}
}

// PAP (RFC 1334) sends the secret in the clear, so it is used only where it is allowed.
func TestWeAuthenticateByPAP(t *testing.T) {
	auth := allowOurs
	auth.Allow = []ppp.Protocol{ppp.ProtocolPAP}
	ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, []string{"name", "theirs", "auth", "require-pap"})
	theirs.await(t, "rcvd [PAP AuthReq", `user="ours"`)
	theirs.await(t, "sent [PAP AuthAck")
	awaitBoth(t, ours, theirs)
}

func TestPPPDAuthenticatesByPAP(t *testing.T) {
	auth := requireTheirs
	auth.Require = ppp.ProtocolPAP
	ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, pppdName)
	theirs.await(t, "sent [PAP AuthReq", `user="theirs"`)
	theirs.await(t, "rcvd [PAP AuthAck")
	theirs.await(t, "PAP authentication succeeded")
	awaitBoth(t, ours, theirs)
}

// RFC 1661, section 5.3: pppd accepts CHAP or PAP. The two ends agree on the one that we allow, for
// PAP by a Configure-Nak.
func TestAgreementOnAuthenticationProtocol(t *testing.T) {
	t.Run("CHAP", func(t *testing.T) {
		ours, theirs := connect(t, with(allowOurs), theirIPv4, theirIPv6, requireOurs, []string{"require-pap"})
		theirs.await(t, "rcvd [CHAP Response")
		awaitBoth(t, ours, theirs)
	})
	t.Run("PAP", func(t *testing.T) {
		auth := allowOurs
		auth.Allow = []ppp.Protocol{ppp.ProtocolPAP}
		ours, theirs := connect(t, with(auth), theirIPv4, theirIPv6, requireOurs, []string{"require-pap"})
		theirs.await(t, "rcvd [LCP ConfNak", "<auth pap>")
		theirs.await(t, "rcvd [PAP AuthReq")
		awaitBoth(t, ours, theirs)
	})
}
