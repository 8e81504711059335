package integration

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/tshark"
)

// withPeer changes all peers in a configuration.
func withPeer(c lab.Config, change func(*lab.Peer)) lab.Config {
	for name, peer := range c.Peers {
		change(&peer)
		c.Peers[name] = peer
	}
	return c
}

// The encapsulation of L2TP makes no difference to the customers except for the MTU (RFC 3931,
// section 4.1).
func TestTransports(t *testing.T) {
	for _, tt := range []struct {
		name          string
		encapsulation dataplane.Encapsulation
		ipv6          bool
		filter        string // display filter of tshark for the packets on the provider network
	}{
		{"UDP over IPv6", dataplane.UDP, true, "ipv6.nxt == 17"},
		{"IPv4", dataplane.IP, false, "ip.proto == 115"},
		{"IPv6", dataplane.IP, true, "ipv6.nxt == 115"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, existingVRs)
			for _, pe := range r.PEs() {
				c := withPeer(pe.Config().Quick(), func(peer *lab.Peer) {
					peer.Encapsulation = strings.ToLower(tt.encapsulation.String())
					if tt.ipv6 {
						peer.Address = pe.Peer.Address6.String()
					}
				})
				if pe == r.PE1 {
					c = withRole(c, "passive")
				}
				r.start(pe, c)
			}
			r.waitAllUp()
			address := r.PE2.Address
			if tt.ipv6 {
				address = r.PE2.Address6
			}
			const cookie = 8 // octets, by default
			want := 1500 - tt.encapsulation.Overhead(address, cookie, dataplane.NoSublayer).Total()
			if got := r.link(r.PE1, "red").MTU; got != want {
				t.Errorf("the MTU of the link is %d, want %d", got, want)
			}

			// PE2's daemon is killed and restarted: PE1 recognizes the new one.
			r.must(r.PE2.Daemon.Kill())
			r.must(r.PE2.Restart(r.ctx))
			r.waitAllUp()
			r.stop(r.PE2)
			r.stop(r.PE1)

			// Capture from the start of both daemons to their end.
			c := r.capture(r.PE1.NS, lab.ProviderInterface)
			r.must(r.PE1.Restart(r.ctx))
			r.must(r.PE2.Restart(r.ctx))
			r.waitAllUp()
			for _, vpn := range r.VPNs {
				r.waitPings(vpn)
			}
			got, err := r.PE1.Sites["red"].Transfer(r.ctx, r.PE2.Sites["red"], 1<<20)
			r.must(err)
			if !got.Intact() {
				t.Errorf("SHA-256 %x was sent and %x received", got.Sent, got.Received)
			}
			r.stop(r.PE2)
			r.stop(r.PE1)
			r.must(c.Stop())
			r.wantOnWire(c, tt.filter)
		})
	}
}

// wantOnWire checks that only L2TP that matches the filter was captured, and that tshark finds no
// problem in it.
func (r *rig) wantOnWire(c *lab.Capture, filter string) {
	r.Helper()
	for what, wanted := range map[string]struct {
		filter string
		some   bool
	}{
		"SCCRQ":              {filter + " && l2tp.avp.message_type == 1", true},
		"StopCCN":            {filter + " && l2tp.avp.message_type == 4", true},
		"CDN":                {filter + " && l2tp.avp.message_type == 14", true},
		"LCP":                {filter + " && l2tp.sid && lcp", true},
		"customers' TCP":     {filter + " && l2tp.sid && tcp", true},
		"other L2TP":         {"l2tp && !(" + filter + ")", false},
		"customers' packets": {"tcp && !l2tp", false},
		"wrong digest":       {"l2tp.incorrect_digest", false},
		"malformed":          {"l2tp && _ws.malformed", false},
		"fragments":          {"ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr", false},
	} {
		out := r.filterCapture(c, r.tsharkOptions(), wanted.filter)
		if (len(out) > 0) != wanted.some {
			r.Errorf("%s (%s) on the wire: %v, want %v\n%s", what, wanted.filter, len(out) > 0, wanted.some, out)
		}
	}
}

// filterCapture returns the lines of tshark for the packets in a capture that match a display
// filter.
func (r *rig) filterCapture(c *lab.Capture, options tshark.Options, filter string) string {
	r.Helper()
	out, err := exec.CommandContext(r.ctx, "tshark", "-r", c.File, "-d", fmt.Sprintf("udp.port==%d,l2tp", options.Port),
		"-o", "l2tp.shared_secret:"+options.Secret, "-o", "ip.defragment:FALSE", "-Y", filter).Output()
	r.must(err)
	return string(out)
}

// A PE uses one port for all of its peers.
func TestThreePEs(t *testing.T) {
	r := newRig(t, existingVRs)
	pe3, err := r.AddPE()
	r.must(err)
	c := r.PE1.Config()
	r.PE1.AddLinks(c, pe3)
	r.start(r.PE1, c.Quick())
	r.start(r.PE2, r.PE2.Config().Quick())
	r.start(pe3, pe3.Config().Quick())
	r.waitAllUp()
	for _, vpn := range r.VPNs {
		r.waitPings(vpn)
	}
	peers, err := r.PE1.Client().Peers(r.ctx)
	r.must(err)
	if len(peers) != 2 || peers[0].LinksUp != 2 || peers[1].LinksUp != 2 {
		t.Errorf("PE1's peers: %s", asJSON(peers))
	}

	// The shutdown of one peer does not affect the links to the other.
	r.stop(pe3)
	r.wantAnswered(r.PE1.Sites["red"].Host, r.PE2.Sites["red"].Address, lab.Ping{Count: 1})
	if l := r.link(r.PE1, "red"); l.State != "up" {
		t.Errorf("PE1's link to PE2: %s", asJSON(l))
	}
}

// RFC 3931, section 4.1.2.2: the initiator chooses its source port, and so does the recipient for
// its answer.
func TestPeerSpeaksFromAnotherPort(t *testing.T) {
	for role, peerRole := range map[string]string{"passive": "active", "active": "passive", "both": "both"} {
		t.Run("peer is "+peerRole, func(t *testing.T) {
			r := newRig(t, existingVRs)
			const port = 4711
			// Packets to the well-known port reach the daemon, which sends from another port.
			r.must(r.PE2.NS.Command(context.Background(), "nft", fmt.Sprintf("add table ip port; add chain ip port in "+
				"{ type filter hook prerouting priority raw; }; add rule ip port in udp dport %d udp dport set %d notrack", l2tpPort, port)).Run())
			c := withRole(r.PE2.Config().Quick(), peerRole)
			c.Local.Port = port
			r.start(r.PE1, withRole(r.PE1.Config().Quick(), role))
			r.start(r.PE2, c)
			r.waitAllUp()
			r.waitPings("red")

			r.must(r.PE2.Daemon.Kill())
			r.must(r.PE2.Restart(r.ctx))
			r.waitAllUp()
			r.waitPings("red")
		})
	}
}
