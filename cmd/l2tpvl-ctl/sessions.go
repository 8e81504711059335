package main

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) sessionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sessions [VPN]",
		Short: "List the L2TP sessions with their PPP states and traffic",
		Long: `List the L2TP sessions of all VPNs, or of one.

STATE is the state of RFC 3931, section 7.3, or static. SESSION shows the session IDs of both ends.
LCP, IPCP and IPV6CP are the states of RFC 1661, section 4.2. The counters are of user packets since
the session was established; DROPS counts the packets that were dropped, in both directions.`,
		Example: `  l2tpvl-ctl sessions
  l2tpvl-ctl sessions red -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completion(a.listVPNs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, vpn := cmd.Context(), firstOf(args)
			sessions, err := a.client().Sessions(ctx)
			if err != nil {
				return err
			}
			sessions = filter(sessions, vpn, vpnOfSession)
			// A VPN without sessions may still have links.
			if vpn != "" && len(sessions) == 0 {
				links, err := a.client().Links(ctx)
				if err != nil {
					return err
				}
				if _, err := pick(links, "VPN", vpn, vpnOfLink); err != nil {
					return err
				}
			}
			return show(a, sessions, renderSessions)
		},
	}
}

func renderSessions(sessions []api.Session, _ time.Time, s style) string {
	if len(sessions) == 0 {
		return "no sessions\n"
	}
	t := table{titles: []string{
		"VPN", "VPN-ID", "PEER", "STATE", "ROLE", "SESSION", "COOKIES", "SUBLAYER", "CIRCUIT", "LCP", "IPCP", "IPV6CP",
		"ECHOES", "LOST", "RX PACKETS", "RX OCTETS", "TX PACKETS", "TX OCTETS", "DROPS",
	}, wide: []string{"VPN-ID", "COOKIES", "SUBLAYER", "CIRCUIT", "ECHOES", "LOST"}}
	for _, x := range sessions {
		c, echoes := x.Counters, api.Echo{}
		if x.Echo != nil {
			echoes = *x.Echo
		}
		t.add(
			plain(x.VPN), plain(x.VPNID), plain(x.Peer),
			cell{text: x.State, colour: stateColour(x.State == established || x.State == static, x.State == "idle")},
			plain(x.Role), plain(idPair(x.LocalID, x.RemoteID)),
			plain(idPair(x.LocalCookie, x.RemoteCookie)), plain(cmp.Or(x.Sublayer, "-")), plain(idPair(x.Circuit, x.RemoteCircuit)),
			plain(x.LCP), plain(x.IPCP), plain(x.IPv6CP),
			count(echoes.Sent), count(echoes.Lost),
			count(c.RxPackets), count(c.RxOctets), count(c.TxPackets), count(c.TxOctets), count(c.Drops),
		)
	}
	return t.render(s)
}
