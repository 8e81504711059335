package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

const (
	// established is the last state of control connections and of sessions in RFC 3931.
	established = "established"

	// static is the state of tunnels and sessions without signalling.
	static = "static"
)

func (a *app) peersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "peers [NAME]",
		Short: "List the control connections to the peers",
		Long: `List the control connections to all peers, or to one. A peer has one for clear links and one for
protected links. A peer without signalling has a static tunnel instead.

STATE is the state of RFC 3931, section 7.2, or static. CONNECTION shows the control connection IDs
of both ends. IPSEC shows the ESP algorithms in use, or "required" if the connection is not
protected yet. HEARD is the time since the last message from the peer, and RESENT counts
retransmissions.`,
		Example: `  l2tpvl-ctl peers
  l2tpvl-ctl peers pe2 -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completion(a.listPeers),
		RunE: func(cmd *cobra.Command, args []string) error {
			peers, err := a.client().Peers(cmd.Context())
			if err != nil {
				return err
			}
			peers, err = pick(peers, "peer", firstOf(args), nameOfPeer)
			if err != nil {
				return err
			}
			return show(a, peers, renderPeers)
		},
	}
}

func renderPeers(peers []api.Peer, now time.Time, s style) string {
	if len(peers) == 0 {
		return "l2tpvld has no peers configured\n"
	}
	t := table{titles: []string{
		"PEER", "HOST NAME", "ROUTER ID", "VENDOR", "ADDRESS", "STATE", "CONNECTION", "IPSEC", "IKE", "AUTH", "LINKS UP",
		"WINDOW", "PATH MTU", "SENT", "RECEIVED", "RESENT", "HEARD", "UP FOR",
	}, wide: []string{"HOST NAME", "ROUTER ID", "VENDOR", "WINDOW", "PATH MTU"}}
	for _, p := range peers {
		up := p.State == established
		heard := ""
		if p.LastHeard != nil {
			heard = api.DurationText(now.Sub(*p.LastHeard)) + " ago"
		}
		upFor := p.Reason
		if p.State != static {
			upFor = formatUpFor(up, p.State, p.Reason, p.Since, now)
		}
		t.add(
			plain(p.Name), plain(p.HostName), plain(p.RouterID), plain(p.Vendor), plain(p.Address),
			cell{text: p.State, colour: stateColour(up || p.State == static, p.State == "idle")},
			plain(idPair(p.LocalID, p.RemoteID)), plain(cmp.Or(p.ESP, ipsecOf(p.IPsec))), plain(strings.ToLower(p.IKE)), plain(p.Authentication),
			plain(fmt.Sprintf("%d of %d", p.LinksUp, p.Links)),
			countIfKnown(uint64(p.Window)), countIfKnown(uint64(p.PathMTU)),
			count(p.Sent), count(p.Received), count(p.Retransmissions), plain(heard),
			plain(upFor),
		)
	}
	return t.render(s)
}

// ipsecOf returns the protection class of a link or a connection, or "" if it is clear.
func ipsecOf(class string) string {
	if class == "none" {
		return ""
	}
	return class
}

// idPair returns the local and the remote ID as text, or "" if there are none.
func idPair(local, remote string) string {
	if local == "" && remote == "" {
		return ""
	}
	return cmp.Or(local, "?") + " ⇄ " + cmp.Or(remote, "?")
}

// count returns a cell with a number.
func count(n uint64) cell { return cell{text: strconv.FormatUint(n, 10), right: true} }

// countIfKnown returns a cell with a number, or an empty one if n is 0, which means unknown.
func countIfKnown(n uint64) cell {
	if n == 0 {
		return cell{right: true}
	}
	return count(n)
}
