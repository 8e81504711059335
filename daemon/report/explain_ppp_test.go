package report

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ppp"
	"github.com/l2tpvl/l2tpvl/session"
)

// The step of LCP shows the authentication in both directions.
func TestExplainAuthentication(t *testing.T) {
	passed := ppp.AuthStatus{Protocol: ppp.ProtocolCHAP, State: ppp.AuthPassed, Name: "pe2"}
	for _, tt := range []struct {
		peer, local ppp.AuthStatus
		mark        api.Mark
		want        string
	}{
		{ppp.AuthStatus{}, ppp.AuthStatus{}, api.MarkOK, "opened, peer's MRU 1400"},
		{passed, ppp.AuthStatus{}, api.MarkOK, "opened, peer's MRU 1400, CHAP of peer (pe2): passed"},
		{
			ppp.AuthStatus{Protocol: ppp.ProtocolPAP, State: ppp.AuthPending},
			ppp.AuthStatus{Protocol: ppp.ProtocolCHAP, State: ppp.AuthPassed, Name: "pe1"},
			api.MarkPending, "opened, peer's MRU 1400, PAP of peer: pending, CHAP of this host (pe1): passed",
		},
	} {
		e := explainer{l: &session.LinkStatus{PPP: &ppp.Status{LCP: ppp.Opened, PeerMRU: 1400, PeerAuth: tt.peer, LocalAuth: tt.local}}}
		if got := e.lcp(); got.text != tt.want || got.mark != tt.mark {
			t.Errorf("got %v %q, want %v %q", got.mark, got.text, tt.mark, tt.want)
		}
	}
}
