package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) linksCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "links [VPN]",
		Short: "List the virtual links",
		Long: `List the virtual links of all VPNs, or of one.

With --wait, first wait until l2tpvld answers and all of these links are up. Progress is printed on
standard error. The exit status is 1 if the links are not up in time.

LOCAL → REMOTE shows the addresses of both ends. IPSEC shows the ESP algorithms in use, or
"required" if the link is not protected yet. ECHO is the last LCP echo round trip. UP FOR is the
time since the link came up or, if it is not up, the reason.`,
		Example: `  l2tpvl-ctl links
  l2tpvl-ctl links -o wide
  l2tpvl-ctl links red -o json
  l2tpvl-ctl links red --wait 30s && ip netns exec red ping 10.255.0.1`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completion(a.listVPNs),
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait at most this `duration` until the links are up; 0s: check once")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fetch := func(ctx context.Context) ([]api.Link, error) {
			links, err := a.client().Links(ctx)
			if err != nil {
				return nil, err
			}
			return pick(links, "VPN", firstOf(args), vpnOfLink)
		}
		if cmd.Flags().Changed("wait") {
			return a.waitForLinks(cmd.Context(), fetch, wait)
		}
		links, err := fetch(cmd.Context())
		if err != nil {
			return err
		}
		return show(a, links, renderLinks)
	}
	return cmd
}

func renderLinks(links []api.Link, now time.Time, s style) string {
	if len(links) == 0 {
		return "l2tpvld has no links configured\n"
	}
	t := table{titles: []string{
		"VPN", "VPN-ID", "PEER", "STATE", "VR", "INTERFACE", "MTU", "LOCAL → REMOTE", "IPV6", "IPSEC", "ECHO", "UP FOR",
	}, wide: []string{"VR", "MTU", "IPV6"}}
	for _, l := range links {
		up := l.State == api.LinkUp
		echo := ""
		if l.EchoMS != nil {
			echo = formatMillis(*l.EchoMS)
		}
		t.add(
			plain(l.VPN), plain(l.VPNID), plain(l.Peer),
			cell{text: string(l.State), colour: stateColour(up, l.State == api.LinkDown)},
			plain(l.VR), plain(l.Interface), countIfKnown(uint64(l.MTU)), plain(addresses(l)), plain(addressPair(l.Local6, l.Remote6)),
			plain(cmp.Or(l.ESP, ipsecOf(l.IPsec))), plain(echo),
			plain(formatUpFor(up, string(l.State), l.Reason, l.Since, now)),
		)
	}
	return t.render(s)
}

// addresses returns the IPv4 addresses of the link's two ends, or the IPv6 addresses if it has
// none.
func addresses(l api.Link) string {
	switch pair := addressPair(l.Local, l.Remote); {
	case pair != "":
		return pair
	case slices.Contains(l.Protocols, "ipv4"):
		return "unnumbered"
	default:
		return addressPair(l.Local6, l.Remote6)
	}
}

// addressPair returns the local and the remote address as text, or "" if there are none.
func addressPair(local, remote string) string {
	if local == "" && remote == "" {
		return ""
	}
	return cmp.Or(local, "?") + " → " + cmp.Or(remote, "?")
}
