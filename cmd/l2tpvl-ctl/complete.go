package main

import (
	"context"

	"github.com/spf13/cobra"
)

// completion completes each argument from the list of existing names. The nth function lists those
// for the nth argument and receives the arguments before it.
func completion(lists ...func(ctx context.Context, before []string) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, before []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(before) >= len(lists) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := lists[len(before)](cmd.Context(), before)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) listVPNs(ctx context.Context, _ []string) ([]string, error) {
	links, err := a.client().Links(ctx)
	return namesOf(links, vpnOfLink), err
}

// listPeersOfVPN lists the peers to which the VPN in the argument before has links.
func (a *app) listPeersOfVPN(ctx context.Context, before []string) ([]string, error) {
	links, err := a.client().Links(ctx)
	return namesOf(filter(links, before[0], vpnOfLink), peerOfLink), err
}

func (a *app) listPeers(ctx context.Context, _ []string) ([]string, error) {
	peers, err := a.client().Peers(ctx)
	return namesOf(peers, nameOfPeer), err
}
