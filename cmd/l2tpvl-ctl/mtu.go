package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) mtuCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "mtu [VPN [PEER]]",
		Short: "Show how the MTU of each link is calculated",
		Long: `Show how the MTU of the links is calculated: from the MTU of the path to the peer, the overhead of
each packet, the peer's MRU and the configured limit. MSS is the largest TCP segment that passes.

With a VPN and a peer, show each part of the calculation on a line of its own, and nft commands
that limit the MSS of TCP connections over the link.`,
		Example: `  l2tpvl-ctl mtu
  l2tpvl-ctl mtu red pe2`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: completion(a.listVPNs, a.listPeersOfVPN),
		RunE: func(cmd *cobra.Command, args []string) error {
			mtus, err := a.client().MTUs(cmd.Context())
			if err != nil {
				return err
			}
			if mtus, err = pick(mtus, "VPN", firstOf(args), func(m api.MTU) string { return m.VPN }); err != nil {
				return err
			}
			if len(args) < 2 {
				return show(a, mtus, renderMTUs)
			}
			if mtus, err = pick(mtus, "link of VPN "+args[0]+" to peer", args[1], func(m api.MTU) string { return m.Peer }); err != nil {
				return err
			}
			return show(a, mtus[0], renderMTU)
		},
	}
}

func renderMTUs(mtus []api.MTU, _ time.Time, s style) string {
	if len(mtus) == 0 {
		return "l2tpvld has no links configured\n"
	}
	t := table{titles: []string{
		"VPN", "PEER", "INTERFACE", "PATH MTU", "IP", "ESP", "UDP", "L2TP", "COOKIE", "SUBLAYER", "PPP", "OVERHEAD", "PEER'S MRU", "CONFIGURED", "MTU", "MSS IPV4", "MSS IPV6",
	}, wide: []string{"IP", "ESP", "UDP", "L2TP", "COOKIE", "SUBLAYER", "PPP"}}
	for _, m := range mtus {
		o, esp := m.Overhead, 0
		if o.ESP != nil {
			esp = *o.ESP
		}
		cells := []cell{plain(m.VPN), plain(m.Peer), plain(m.Interface)}
		for _, n := range []int{
			m.PathMTU, o.IP, esp, o.UDP, o.L2TP, o.Cookie, o.Sublayer, o.PPP, o.Total, m.PeerMRU, m.Configured, m.MTU, m.MSS4, m.MSS6,
		} {
			cells = append(cells, countIfKnown(uint64(n)))
		}
		t.add(cells...)
	}
	return t.render(s)
}

// renderMTU shows the calculation line by line, and the commands that limit the TCP MSS.
func renderMTU(m api.MTU, _ time.Time, s style) string {
	var b strings.Builder
	line := func(sign string, octets int, what string) {
		fmt.Fprintf(&b, "  %s %5d  %s\n", sign, octets, s.text(what))
	}
	b.WriteString(s.text(fmt.Sprintf("%s ⇄ %s, %s in %s", m.VPN, m.Peer, m.Interface, m.VR)) + "\n\n")
	if m.PathMTU == 0 {
		b.WriteString("  The MTU of the path is not known yet: there is no path to the peer.\n")
		return b.String()
	}
	line(" ", m.PathMTU, "MTU of the path to "+m.Peer)
	o := m.Overhead
	line("-", o.IP, "IP header")
	if o.ESP != nil {
		line("-", *o.ESP, "ESP, with the largest padding")
	}
	for _, part := range []struct {
		octets int
		what   string
	}{
		{o.UDP, "UDP header"}, {o.L2TP, "L2TP data header"}, {o.Cookie, "cookie"}, {o.Sublayer, "L2-Specific Sublayer"}, {o.PPP, "PPP address, control and protocol"},
	} {
		if part.octets > 0 {
			line("-", part.octets, part.what)
		}
	}
	line("=", m.Room, "available for a packet of the link")
	if m.PeerMRU > 0 {
		line(" ", m.PeerMRU, m.Peer+"'s MRU")
	}
	if m.Configured > 0 {
		line(" ", m.Configured, "configured limit (mtu)")
	}
	if m.MTU == 0 {
		b.WriteString("\n  The link is not up; its MTU is not known yet.\n")
		return b.String()
	}
	line("=", m.MTU, "MTU of the link")
	fmt.Fprintf(&b, "\n  Largest TCP segment (MSS): %d over IPv4, %d over IPv6.\n", m.MSS4, m.MSS6)
	b.WriteString("\n  Hosts learn this MTU from ICMP messages. If a firewall drops these, limit the MSS on this router:\n\n")
	for _, command := range clamping(m) {
		b.WriteString("    " + s.text(command) + "\n")
	}
	return b.String()
}

// clamping returns the commands that limit the MSS of TCP connections over the link, in both
// directions. With a VRF the link's interface is in the host's own network namespace.
func clamping(m api.MTU) []string {
	inside := ""
	if name, isNetNS := strings.CutPrefix(m.VR, "netns "); isNetNS {
		inside = "ip netns exec " + name + " "
	}
	const tool = "nft add "
	table := "inet l2tpvl-mss"
	commands := []string{
		inside + tool + "table " + table,
		inside + tool + "chain " + table + " forward '{ type filter hook forward priority mangle; }'",
		inside + tool + "rule " + table + " forward oifname " + m.Interface + " tcp flags syn tcp option maxseg size set rt mtu",
	}
	for _, ip := range []struct {
		family string
		mss    int
	}{{"ipv4", m.MSS4}, {"ipv6", m.MSS6}} {
		commands = append(commands, fmt.Sprintf("%s%srule %s forward iifname %s meta nfproto %s tcp flags syn tcp option maxseg size gt %d tcp option maxseg size set %d",
			inside, tool, table, m.Interface, ip.family, ip.mss, ip.mss))
	}
	return commands
}
