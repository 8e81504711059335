package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) ipsecCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ipsec [PEER]",
		Short: "Show the IPsec protection of each peer",
		Long: `Show the IPsec protection of each peer with links that require it, or of one such peer: the IKE SA
and the pair of ESP SAs, with algorithms, age, time to the next rekeying, and octets. During
rekeying a peer has two pairs of ESP SAs, each on a line of its own.

Four columns count dropped packets. REPLAYS were received twice or too late. FORGED failed the
integrity check. CLEAR OUT would have left unencrypted, CLEAR IN arrived unencrypted.`,
		Example: `  l2tpvl-ctl ipsec
  l2tpvl-ctl ipsec pe4 -o wide`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completion(a.listPeers),
		RunE: func(cmd *cobra.Command, args []string) error {
			protections, err := a.client().IPsec(cmd.Context())
			if err != nil {
				return err
			}
			protections, err = pick(protections, "peer with protected links", firstOf(args), peerOfProtection)
			if err != nil {
				return err
			}
			return show(a, protections, renderProtections)
		},
	}
}

func renderProtections(protections []api.Protection, now time.Time, s style) string {
	if len(protections) == 0 {
		return "no link requires IPsec\n"
	}
	t := table{titles: []string{
		"PEER", "ADDRESS", "IKE", "IKE ALGORITHMS", "LOCAL ID", "REMOTE ID", "IKE AGE", "IKE REKEY IN",
		"ESP", "SPI", "ESP AGE", "REKEY IN", "RX OCTETS", "TX OCTETS", "REPLAYS", "FORGED", "CLEAR OUT", "CLEAR IN", "KEY MANAGER", "REASON",
	}, wide: []string{"ADDRESS", "IKE ALGORITHMS", "LOCAL ID", "REMOTE ID", "IKE REKEY IN", "SPI", "KEY MANAGER"}}
	for _, p := range protections {
		ike := api.IKESA{State: "none"}
		if p.IKE != nil {
			ike = *p.IKE
		}
		esps := p.ESP
		if len(esps) == 0 {
			esps = []api.ESP{{}}
		}
		for _, esp := range esps {
			t.add(
				plain(p.Peer), plain(p.Address), cell{text: strings.ToLower(ike.State), colour: stateColour(p.Up, p.Reason != "")}, plain(ike.Algorithms),
				plain(ike.LocalID), plain(ike.RemoteID), plain(ageOf(ike.Established, now)), plain(timeTo(ike.RekeyAt, now)),
				plain(esp.Algorithms), plain(idPair(esp.LocalSPI, esp.RemoteSPI)), plain(ageOf(esp.Installed, now)), plain(timeTo(esp.RekeyAt, now)),
				count(esp.RxOctets), count(esp.TxOctets), count(esp.Replays), count(esp.IntegrityFailures),
				count(p.DroppedOut), count(p.DroppedIn), plain(p.Manager), plain(p.Reason),
			)
		}
	}
	return t.render(s)
}

// ageOf returns the time since at, or "" if at is nil.
func ageOf(at *time.Time, now time.Time) string {
	if at == nil {
		return ""
	}
	return api.DurationText(now.Sub(*at))
}

// timeTo returns the time until at, or "" if at is nil.
func timeTo(at *time.Time, now time.Time) string {
	if at == nil {
		return ""
	}
	return api.DurationText(max(0, at.Sub(now)))
}
