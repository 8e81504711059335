package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) upCommand() *cobra.Command {
	return a.linkCommand(&cobra.Command{
		Use:   "up VPN PEER",
		Short: "Bring up a link that was taken down",
		Long: `Bring up a link that the down command took down. It comes up once a control connection to the peer
is established.`,
		Example: `  l2tpvl-ctl up red pe2`,
	}, api.Up)
}

func (a *app) downCommand() *cobra.Command {
	return a.linkCommand(&cobra.Command{
		Use:   "down VPN PEER",
		Short: "Take a link down and keep it down",
		Long: `Take a link down. The peer is notified by a CDN, and its requests for a new session are refused.

The link stays down when the configuration is reloaded and when the control connection is
established again. The up command brings it up. A restart of l2tpvld brings it up too: l2tpvld logs
the names of these links when it stops.`,
		Example: `  l2tpvl-ctl down red pe2`,
	}, api.Down)
}

// linkCommand makes cmd carry out an operation of api.Client.OperateLink on a link.
func (a *app) linkCommand(cmd *cobra.Command, operation string) *cobra.Command {
	cmd.Args = cobra.ExactArgs(2)
	cmd.ValidArgsFunction = completion(a.listVPNs, a.listPeersOfVPN)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		done, err := a.client().OperateLink(cmd.Context(), operation, args[0], args[1])
		return a.done(done, err)
	}
	return cmd
}

func (a *app) resetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reset {VPN PEER | PEER}",
		Short: "Reset a link, or all links to a peer",
		Long: `Reset a link, given by its VPN and peer: its session ends with a CDN, and a new attempt starts at
once. Other links stay up.

With a peer alone, reset all links to it: its control connections end with a StopCCN, and new ones
are started at once. The links of a static peer are reset one by one. If IPsec protects links to
the peer, a new IKE SA replaces the present one; protected links come up once it is established.`,
		Example: `  l2tpvl-ctl reset red pe2
  l2tpvl-ctl reset pe2`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completion(a.listPeers),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				done, err := a.client().ResetPeer(cmd.Context(), args[0])
				return a.done(done, err)
			}
			done, err := a.client().OperateLink(cmd.Context(), api.Reset, args[0], args[1])
			return a.done(done, err)
		},
	}
}

// done shows the result of a command.
func (a *app) done(done api.Done, err error) error {
	if err != nil {
		return err
	}
	return show(a, done, func(d api.Done, _ time.Time, s style) string { return s.text(d.Done) + "\n" })
}
