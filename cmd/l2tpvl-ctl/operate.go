package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) upCommand() *cobra.Command {
	return a.linkCommand(&cobra.Command{
		Use:     "up VPN PEER",
		Short:   "Let a link come up that was taken down",
		Example: `  l2tpvl-ctl up red pe2`,
	}, api.Up)
}

func (a *app) downCommand() *cobra.Command {
	return a.linkCommand(&cobra.Command{
		Use:   "down VPN PEER",
		Short: "Take a link down, and keep it down",
		Long: `Take a link down. The peer is told so, and its calls are refused. The link stays down through reloads and new control connections,
until up, or until l2tpvld is started again: it says so in its log as it ends.`,
		Example: `  l2tpvl-ctl down red pe2`,
	}, api.Down)
}

// linkCommand is a command that does something to a link.
func (a *app) linkCommand(cmd *cobra.Command, what string) *cobra.Command {
	cmd.Args = cobra.ExactArgs(2)
	cmd.ValidArgsFunction = completion(a.listVPNs, a.listPeersOfVPN)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		done, err := a.client().DoToLink(cmd.Context(), what, args[0], args[1])
		return a.done(done, err)
	}
	return cmd
}

func (a *app) resetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reset {VPN PEER | PEER}",
		Short: "End a link's session, or a peer's control connections, and begin anew",
		Long: `With a VPN and a peer: end the link's session, which the peer is told by a CDN, and begin a new attempt at once. Other links stay up.

With a peer alone: end the control connections to it by StopCCN, with all of their links, and begin anew at once.`,
		Example: `  l2tpvl-ctl reset red pe2
  l2tpvl-ctl reset pe2`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completion(a.listPeers),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				done, err := a.client().ResetPeer(cmd.Context(), args[0])
				return a.done(done, err)
			}
			done, err := a.client().DoToLink(cmd.Context(), api.Reset, args[0], args[1])
			return a.done(done, err)
		},
	}
}

// done tells what was done.
func (a *app) done(done api.Done, err error) error {
	if err != nil {
		return err
	}
	return show(a, done, func(d api.Done, _ time.Time, s style) string { return s.text(d.Done) + "\n" })
}
