package daemon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// reconfigure changes the configuration of a daemon that is not started.
func (p *pe) reconfigure(change func(*config.Config)) {
	change(p.cfg())
	p.remake()
}

// allPeers returns the API's answer about the peers.
func (p *pe) allPeers(t *testing.T) []api.Peer {
	t.Helper()
	peers, err := p.Peers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return peers
}

// explained returns the API's explanation of a link.
func (p *pe) explained(t *testing.T, vpn, peer string) api.Explanation {
	t.Helper()
	x, err := p.Explain(t.Context(), vpn, peer)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A link is clear at one end and protected at the other: the API at both ends shows the mismatch,
// and so does the log.
func TestClassesDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		b.reconfigure(protect(1))
		a.start(t)
		b.start(t)
		pass(20 * time.Second)

		const text = "VPN 00005e:00000002 requires IPsec here, but this connection is clear"
		if layer, reason, advice := a.failedLayer(t, 1); layer != "session" || !strings.Contains(reason, text) || !strings.Contains(advice, "`ipsec`") {
			t.Errorf("failed layer at pe1 %s: %q, %q", layer, reason, advice)
		}
		if refused := b.logs.FilterMessage("session request of peer refused").All(); len(refused) == 0 || refused[0].ContextMap()["reason"] != text {
			t.Errorf("pe2 logged %v", refused)
		}
		x := b.explained(t, "red", "pe1")
		if step := x.Steps[2]; step.Layer != "IPsec" || step.Mark != api.MarkPending || !strings.Contains(step.Text, "pe1 requested the link in the clear") {
			t.Errorf("explanation of pe2: %+v", x.Steps)
		}
		if a.allLinks(t)[0].State != api.LinkUp || b.allLinks(t)[0].State != api.LinkUp {
			t.Error("blue is not up")
		}
		peers := b.allPeers(t)
		if len(peers) != 2 || peers[0].IPsec != "none" || peers[0].Links != 1 || peers[0].State != "established" ||
			peers[1].IPsec != "required" || peers[1].Links != 1 || peers[1].State == "established" || peers[1].IKE != "none" || peers[1].Address != "192.0.2.1:1701" {
			t.Errorf("peers of pe2: %+v", peers)
		}
	})
}
