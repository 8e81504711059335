package daemon

import (
	"bytes"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
)

// reconfigure changes the configuration of a daemon that is not started.
func (p *pe) reconfigure(change func(*config.Config)) {
	change(p.cfg)
	p.loops = nil
	p.makeLoops()
	p.listener = newListener(p.loops, p.log)
	p.plane.network.hosts[netip.AddrPortFrom(p.cfg.Local.Address, p.cfg.Local.Port)] = p.listener
}

// request asks the daemon without a socket.
func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// allPeers are what the API tells of them.
func (p *pe) allPeers(t *testing.T) []api.Peer {
	t.Helper()
	peers, err := p.peers(request(t))
	if err != nil {
		t.Fatal(err)
	}
	return peers
}

// explained is what the API explains of a link.
func (p *pe) explained(t *testing.T, vpn, peer string) api.Explanation {
	t.Helper()
	r := request(t)
	r.SetPathValue("vpn", vpn)
	r.SetPathValue("peer", peer)
	x, err := p.explain(r)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// protect has a VPN's links be protected by IPsec.
func protect(vpn int) func(*config.Config) {
	return func(c *config.Config) {
		c.Peers[0].PortProtected = 1701
		c.VPNs[vpn].Links[0].IPsec = config.IPsecRequired
	}
}

// What IPsec is to protect never leaves in clear: no way is opened for it and no message names it, whatever happens, while
// the links in clear to the same peer are up.
func TestNothingOfAProtectedLinkIsSentInClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := twoPEs("blue", "red")
		red := endid.New(0x5e, 2).AppendOctets(nil)
		n.seen = func(message []byte, from, to netip.AddrPort) {
			if bytes.Contains(message, red) || from.Port() != 1702 || to.Port() != 1702 {
				t.Errorf("sent from %s to %s: %x", from, to, message)
			}
		}
		for _, p := range []*pe{a, b} {
			p.reconfigure(protect(1))
			p.start(t)
		}
		pass(time.Hour)
		n.setCut(true)
		pass(5 * time.Minute)
		n.setCut(false)
		pass(5 * time.Minute)

		for _, p := range []*pe{a, b} {
			links := p.allLinks(t)
			if l := links[0]; l.VPN != "blue" || l.State != api.LinkUp || l.IPsec != "none" {
				t.Errorf("blue is %+v", l)
			}
			if l := links[1]; l.State != api.LinkDown || l.IPsec != "required" || l.Reason != errNoIPsec.Error() || l.RetryAt != nil {
				t.Errorf("red is %+v", l)
			}
			for _, tunnel := range p.plane.tunnels {
				if tunnel.cfg.Peer.Port() != 1702 || tunnel.cfg.Local.Port() != 1702 {
					t.Errorf("a tunnel was opened from %s to %s", tunnel.cfg.Local, tunnel.cfg.Peer)
				}
				for _, s := range tunnel.all() {
					if s.cfg.Interface != "vl-blue" {
						t.Errorf("there is a session for %s", s.cfg.Interface)
					}
				}
			}
			if n := p.said("no path to the peer"); n != 1 {
				t.Errorf("the log tells %d times that there is no path", n)
			}
		}
	})
}

// A daemon whose links all need IPsec opens no socket at all.
func TestNoSocketForProtectedLinksAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _ := twoPEs("red")
		a.reconfigure(protect(0))
		l, err := listen(netip.MustParseAddrPort("127.0.0.1:0"), a.loops, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		if l.udp != nil || len(l.ip) != 0 {
			t.Error("it listens")
		}
		a.start(t)
		pass(time.Hour)
		if asked, _ := a.plane.tried(); asked != 0 {
			t.Errorf("the data plane was asked %d times for a tunnel", asked)
		}
		if layer, text, advice := a.blamed(t, 0); layer != "IPsec" || !strings.Contains(text, "not built yet") || !strings.Contains(advice, "`ipsec: none`") {
			t.Errorf("blamed is %s: %q, %q", layer, text, advice)
		}
	})
}

// A link that is in clear at one end and protected at the other: both say what the other has, and the log does.
func TestClassesDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		b.reconfigure(protect(1))
		a.start(t)
		b.start(t)
		pass(20 * time.Second)

		const text = "VPN 00005e:00000002 is to be protected here, and this connection is clear"
		if layer, reason, advice := a.blamed(t, 1); layer != "session" || !strings.Contains(reason, text) || !strings.Contains(advice, "IPsec") {
			t.Errorf("pe1 blames the %s: %q, %q", layer, reason, advice)
		}
		if refused := b.logs.FilterMessage("call of the peer refused").All(); len(refused) == 0 || refused[0].ContextMap()["reason"] != text {
			t.Errorf("pe2 logs %v", refused)
		}
		x := b.explained(t, "red", "pe1")
		if step := x.Steps[2]; step.Layer != "IPsec" || step.Mark != api.MarkFailed || !strings.Contains(step.Text, "pe1 asked for the link in clear") {
			t.Errorf("pe2 explains %+v", x.Steps)
		}
		if a.allLinks(t)[0].State != api.LinkUp || b.allLinks(t)[0].State != api.LinkUp {
			t.Error("blue is not up")
		}
		peers := b.allPeers(t)
		if len(peers) != 2 || peers[0].IPsec != "none" || peers[0].Links != 1 || peers[0].State != "established" ||
			peers[1].IPsec != "required" || peers[1].Links != 1 || peers[1].State != "idle" || peers[1].Address != "192.0.2.1:1701" {
			t.Errorf("pe2 tells of its peers %+v", peers)
		}
	})
}
