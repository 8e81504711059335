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
		Short: "Compare the VPN-IDs at both ends",
		Long: `Compare the VPN-IDs of the links to all peers, or to one, with those of the peer: which link has no counterpart there, and
which of the peer's has none here. What the peer has is known by its calls, and by how it answers ours.`,
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
		return "l2tpvld has no links configured, and no peer has called\n"
	}
	t := table{titles: []string{"VPN-ID", "PEER", "HERE", "THERE", "IPSEC", "CALLS IN VAIN", "LAST CALL", "NOTE"}, wide: []string{"IPSEC", "CALLS IN VAIN", "LAST CALL"}}
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
			plain(v.VPNID), plain(v.Peer), here, thereCell(v.Counterpart),
			plain(ipsecOf(v.IPsec)), maybe(v.Calls), plain(called), plain(v.Reason),
		)
	}
	return t.render(s) + mistyped(vpns, s)
}

func thereCell(c api.Counterpart) cell {
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

// mistyped is what to think of if a peer lacks one VPN-ID of ours and we lack one of its.
func mistyped(vpns []api.VPN, s style) string {
	lacks := map[string][2][]string{} // by peer: what it lacks, what we lack
	for _, v := range vpns {
		of := lacks[v.Peer]
		switch {
		case v.Counterpart == api.CounterpartMissing:
			of[0] = append(of[0], v.VPN+" ("+v.VPNID+")")
		case v.VPN == "":
			of[1] = append(of[1], v.VPNID)
		}
		lacks[v.Peer] = of
	}
	var lines []string
	for peer, of := range lacks {
		if len(of[0]) == 1 && len(of[1]) == 1 {
			lines = append(lines, fmt.Sprintf("%s lacks %s, and has %s, which is not here: may one of the two be mistyped?", peer, of[0][0], of[1][0]))
		}
	}
	if lines == nil {
		return ""
	}
	slices.SortFunc(lines, cmp.Compare)
	return "\n" + s.text(strings.Join(lines, " ")) + "\n"
}
