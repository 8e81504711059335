package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/tshark"
)

// static returns a configuration with a static peer. The ports, IDs and cookies differ at the two
// ends, and the cookies have different lengths.
func static(pe *lab.PE, encapsulation string) lab.Config {
	c := pe.Config().Quick()
	ours, theirs := pe.Number, pe.Peer.Number
	p := lab.Peer{
		Address: pe.Peer.Address.String(), Encapsulation: encapsulation, Signalling: "static",
		Static: lab.Static{LocalTunnelID: 3000 + ours, PeerTunnelID: 3000 + theirs},
	}
	if encapsulation == "udp" {
		p.Port, p.Static.LocalPort = 5000+theirs, 5000+ours
	}
	c.Peers[pe.Peer.Name] = p
	cookies := []string{1: "5ca1ab1e", 2: "0123456789abcdef"}
	for name, vpn := range c.VPNs {
		place := len(name)
		vpn.Links[0].Static = lab.Static{
			LocalSessionID: 10*place + ours, PeerSessionID: 10*place + theirs, LocalCookie: cookies[ours], PeerCookie: cookies[theirs],
		}
		c.VPNs[name] = vpn
	}
	return c
}

// Two daemons have static links. They send no control message, and the links recover nevertheless
// after one daemon was killed.
func TestStaticLinks(t *testing.T) {
	for _, encapsulation := range []string{"udp", "ip"} {
		t.Run(encapsulation, func(t *testing.T) {
			r := newRig(t, existingVRs)
			capture := r.capture(r.PE1.NS, lab.ProviderInterface)
			for _, pe := range r.PEs() {
				r.start(pe, static(pe, encapsulation))
			}
			r.waitAllUp()
			for _, vpn := range r.VPNs {
				r.waitPings(vpn)
				got, err := r.PE1.Sites[vpn].Transfer(r.ctx, r.PE2.Sites[vpn], 1<<20)
				r.must(err)
				if !got.Intact() {
					t.Errorf("%s: SHA-256 %x was sent and %x received", vpn, got.Sent, got.Received)
				}
			}
			for _, pe := range r.PEs() {
				if p := r.peer(pe); p.State != "static" || p.LinksUp != 2 || p.Sent != 0 || p.Received != 0 || p.LastHeard == nil {
					t.Errorf("%s reports its peer as %s", pe.Name, asJSON(p))
				}
				for command, words := range map[string][]string{
					"peers": {"static", fmt.Sprintf("0x%08x", 3000+pe.Number)}, "sessions": {"static", "Opened"}, "links": {"up", "vl-red"},
				} {
					if text, err := pe.Ctl(r.ctx, command); err != nil || !anyLine(text, words) {
						t.Errorf("l2tpvl-ctl %s on %s: %v, want a line with %q\n%s", command, pe.Name, err, words, text)
					}
				}
			}
			r.checkNoControl(capture)

			r.must(r.PE2.Daemon.Kill())
			r.waitDown(r.PE1, "red")
			r.must(r.PE2.Restart(r.ctx))
			r.waitAllUp()
			r.waitPings("red")

			r.stop(r.PE2) // LCP sends a Terminate-Request
			l := r.waitDown(r.PE1, "red")
			if !strings.Contains(l.Reason, "shutting down") && !strings.Contains(l.Reason, "Configure-Requests") {
				t.Errorf("reason of red at PE1 after the shutdown of PE2: %q", l.Reason)
			}
		})
	}
}

// checkNoControl ends a capture, and checks that it has data messages but no control messages.
func (r *rig) checkNoControl(c *lab.Capture) {
	r.Helper()
	r.must(c.Stop())
	options := tshark.Options{Port: 5001}
	// tshark does not know the content of the data messages: it has seen no ICRQ with the
	// pseudowire type.
	if r.filterCapture(c, options, "l2tp.sid > 0") == "" {
		r.Error("no data messages are on the wire")
	}
	if out := r.filterCapture(c, options, "l2tp.ccid"); out != "" {
		r.Errorf("control messages are on the wire:\n%s", out)
	}
}

// Cookies and session IDs that do not match at the two ends are explained at the PE that receives
// the wrong ones.
func TestStaticMistakesAreExplained(t *testing.T) {
	r := newRig(t, existingVRs)
	one, two := static(r.PE1, "udp"), static(r.PE2, "udp")
	link := func(c lab.Config, vpn string) *lab.Static { return &c.VPNs[vpn].Links[0].Static }
	link(two, "red").PeerCookie = "deadbeef"
	link(two, "blue").PeerSessionID = 99
	r.start(r.PE1, one)
	r.start(r.PE2, two)
	r.waitExplained(r.PE1, "red", "LCP", "wrong cookie", "local_cookie")
	r.waitExplained(r.PE1, "blue", "LCP", "not configured here", "local_session_id")
	for _, vpn := range r.VPNs {
		if l := r.link(r.PE1, vpn); l.State == api.LinkUp {
			t.Errorf("%s is up", vpn)
		}
	}
}
