package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) vpnsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "vpns [PEER]",
		Short: "Compare the VPN-IDs configured at both ends",
		Long: `Compare the VPN-IDs of the links configured here with those configured at the peers, or at one peer.
Use it to find links that only one end has.

HERE is the name of the VPN on this router, or "no". THERE shows whether the peer has a link with
the same VPN-ID: "yes", "no", "other IPsec" if only one end requires IPsec, or "?" if not yet known.
l2tpvld learns this from the session requests of the peer and from the answers to its own.`,
		Example: `  l2tpvl-ctl vpns
  l2tpvl-ctl vpns pe2 -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completion(a.listPeers),
		RunE: func(cmd *cobra.Command, args []string) error {
			vpns, err := a.client().VPNs(cmd.Context())
			if err != nil {
				return err
			}
			if vpns, err = pick(vpns, "peer", firstOf(args), func(v api.VPN) string { return v.Peer }); err != nil {
				return err
			}
			return show(a, vpns, renderVPNs)
		},
	}
}

func renderVPNs(vpns []api.VPN, now time.Time, s style) string {
	if len(vpns) == 0 {
		return "l2tpvld has no links configured, and no peer has requested a session\n"
	}
	t := table{
		titles: []string{"VPN-ID", "PEER", "HERE", "THERE", "IPSEC", "REFUSED", "LAST REFUSED", "NOTE"},
		wide:   []string{"IPSEC", "REFUSED", "LAST REFUSED"},
	}
	for _, v := range vpns {
		here := cell{text: v.VPN}
		if v.VPN == "" {
			here = cell{text: "no", colour: red}
		}
		called := ""
		if v.CalledAt != nil {
			called = api.DurationText(now.Sub(*v.CalledAt)) + " ago"
		}
		t.add(
			plain(v.VPNID), plain(v.Peer), here, remoteCell(v.Counterpart),
			plain(ipsecOf(v.IPsec)), countIfKnown(v.Calls), plain(called), plain(v.Reason),
		)
	}
	return t.render(s) + mistypeHint(vpns, s)
}

func remoteCell(c api.Counterpart) cell {
	switch c {
	case api.CounterpartThere:
		return cell{text: "yes", colour: green}
	case api.CounterpartMissing:
		return cell{text: "no", colour: red}
	case api.CounterpartOtherClass:
		return cell{text: "other IPsec", colour: red}
	case api.CounterpartUnknown:
		return cell{text: "?", colour: yellow}
	}
	return plain(string(c))
}

// mistypeHint suggests a typing mistake for each peer that lacks exactly one VPN-ID of ours while
// we lack exactly one of the peer's.
func mistypeHint(vpns []api.VPN, s style) string {
	type missing struct{ there, here []string }
	byPeer := map[string]missing{}
	for _, v := range vpns {
		m := byPeer[v.Peer]
		switch {
		case v.Counterpart == api.CounterpartMissing:
			m.there = append(m.there, v.VPN+" ("+v.VPNID+")")
		case v.VPN == "":
			m.here = append(m.here, v.VPNID)
		}
		byPeer[v.Peer] = m
	}
	var lines []string
	for peer, m := range byPeer {
		if len(m.there) == 1 && len(m.here) == 1 {
			lines = append(lines, fmt.Sprintf("%s has no link for %s, but one for %s, which is missing here: is one of the two VPN-IDs mistyped?",
				peer, m.there[0], m.here[0]))
		}
	}
	if lines == nil {
		return ""
	}
	slices.SortFunc(lines, cmp.Compare)
	return "\n" + s.text(strings.Join(lines, " ")) + "\n"
}
