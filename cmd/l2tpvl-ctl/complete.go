package main

import (
	"context"

	"github.com/spf13/cobra"
)

// completion offers the shell what there is for each argument: the nth list is for the nth, and is
// given those before.
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

// listPeersOfVPN lists the peers to which the VPN named before has links.
func (a *app) listPeersOfVPN(ctx context.Context, before []string) ([]string, error) {
	links, err := a.client().Links(ctx)
	return namesOf(filter(links, before[0], vpnOfLink), peerOfLink), err
}

func (a *app) listPeers(ctx context.Context, _ []string) ([]string, error) {
	peers, err := a.client().Peers(ctx)
	return namesOf(peers, nameOfPeer), err
}
