package strongswan

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		line, want string
		kind       ipsec.Failure
	}{
		{"received AUTHENTICATION_FAILED notify error", "pe2 refused our authentication: AUTHENTICATION_FAILED", ipsec.FailureAuthentication},
		{"tried 1 shared key for 'a' - 'b', but MAC mismatched", "the pre-shared key of pe2 differs from ours", ipsec.FailureAuthentication},
		{"giving up after 5 retransmits", "pe2 does not answer IKE (UDP ports 500 and 4500)", ipsec.FailureSilent},
		{"retransmit 1 of request with message ID 0", "", ""},
		{"traffic selectors 10.0.0.0/8 === 10.0.0.0/8 unacceptable", "pe2 requests another flow between the two addresses; want the same ports and encapsulation at both ends", ipsec.FailureFlow},
		{"IKE_SA l2tpvl-pe2[1] established between 192.0.2.1[a]...192.0.2.2[b]", "", ""},
	} {
		text, kind, ok := failureIn(tt.line, "pe2")
		if text != tt.want || kind != tt.kind || ok != (tt.want != "") {
			t.Errorf("%q: text %q, kind %q, failure %v; want %q, %q", tt.line, text, kind, ok, tt.want, tt.kind)
		}
	}
	found := initiatorLine.FindStringSubmatch("looking for peer configs matching 2001:db8::1[%any]...2001:db8::2[pe2.example.net]")
	if found == nil || found[1] != "2001:db8::2" {
		t.Errorf("the initiator is %q", found)
	}
}
