package strongswan

import (
	"net/netip"
	"testing"

	"github.com/strongswan/govici/vici"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

var flow = ipsec.Flow{
	Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("192.0.2.2"), LocalPort: 1701, RemotePort: 1703,
}

func TestTrafficSelectors(t *testing.T) {
	overIP := ipsec.Flow{Local: flow.Local, Remote: flow.Remote}
	anyLocal := flow
	anyLocal.Local = netip.Addr{}
	for _, tt := range []struct {
		name          string
		flow          ipsec.Flow
		local, remote string
		want          bool
	}{
		{"the flow", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/1703]", true},
		{"the flow, from wherever", anyLocal, "192.0.2.9/32[udp/l2f]", "192.0.2.2/32[udp/1703]", true},
		{"another port", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/l2f]", false},
		{"another peer", flow, "192.0.2.1/32[udp/l2f]", "192.0.2.3/32[udp/1703]", false},
		{"all of UDP", flow, "192.0.2.1/32[udp]", "192.0.2.2/32[udp]", false},
		{"everything", flow, "192.0.2.1/32", "192.0.2.2/32", false},
		{"over IP", overIP, "192.0.2.1/32[l2tp]", "192.0.2.2/32[115]", true},
		{"over IP, and it is UDP", overIP, "192.0.2.1/32[udp/l2f]", "192.0.2.2/32[udp/1703]", false},
	} {
		if got := carries(tt.flow, []string{tt.local}, []string{tt.remote}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		line, want string
		kind       ipsec.Failure
	}{
		{"received AUTHENTICATION_FAILED notify error", "pe2 refused our authentication: AUTHENTICATION_FAILED", ipsec.FailureAuthentication},
		{"tried 1 shared key for 'a' - 'b', but MAC mismatched", "the pre-shared key of pe2 is not ours", ipsec.FailureAuthentication},
		{"giving up after 5 retransmits", "pe2 does not answer IKE (UDP ports 500 and 4500)", ipsec.FailureSilent},
		{"retransmit 1 of request with message ID 0", "", ""},
		{"traffic selectors 10.0.0.0/8 === 10.0.0.0/8 unacceptable", "pe2 wants to protect something else between our addresses; want the same ports and encapsulation on both sides", ipsec.FailureFlow},
		{"IKE_SA l2tpvl-pe2[1] established between 192.0.2.1[a]...192.0.2.2[b]", "", ""},
	} {
		text, kind, ok := failureIn(tt.line, "pe2")
		if text != tt.want || kind != tt.kind || ok != (tt.want != "") {
			t.Errorf("%q: %q, %q, %v", tt.line, text, kind, ok)
		}
	}
	found := initiatorLine.FindStringSubmatch("looking for peer configs matching 2001:db8::1[%any]...2001:db8::2[pe2.example.net]")
	if found == nil || found[1] != "2001:db8::2" {
		t.Errorf("the caller is %q", found)
	}
}

func TestProposal(t *testing.T) {
	m := vici.NewMessage()
	for key, value := range map[string]string{
		"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_256_128", "prf-alg": "PRF_HMAC_SHA2_384", "dh-group": "CURVE_25519",
	} {
		if err := m.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := proposal(fields{m}), "aes256-sha256-prfsha384-x25519"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is refused before strongSwan sees it.
func TestWhoseCertificate(t *testing.T) {
	for _, auth := range []ipsec.Auth{{CAs: [][]byte{{1}}}, {RemoteID: "pe2.example.net"}} {
		if err := check(ipsec.Peer{Auth: auth}); err == nil {
			t.Errorf("%+v is taken", auth)
		}
	}
	if err := check(ipsec.Peer{Auth: ipsec.Auth{RemoteID: "pe2.example.net", CAs: [][]byte{{1}}}}); err != nil {
		t.Error(err)
	}
}
