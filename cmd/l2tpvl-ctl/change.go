package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) planCommand() *cobra.Command {
	return a.fileCommand(&cobra.Command{
		Use:   "plan FILE",
		Short: "Say what a configuration would change, link by link; nothing is done",
		Long: `Say what a configuration would change in the running l2tpvld, link by link: which links come, go, go down and come up anew,
or change while they stay up. Nothing is done.

The file is read here, and l2tpvld reads the secrets that it names: relative names start at the file's folder.`,
		Example: `  l2tpvl-ctl plan new.yaml`,
	}, (*api.Client).Plan, "would be ")
}

func (a *app) applyCommand() *cobra.Command {
	return a.fileCommand(&cobra.Command{
		Use:   "apply FILE",
		Short: "Have l2tpvld run a configuration: what plan says, and nothing else",
		Long: `Have the running l2tpvld take a configuration. It does what plan says of it, and nothing else: links that are not named there
are not touched. A configuration with mistakes, or one that takes a restart, changes nothing.

The file is read here, and l2tpvld reads the secrets that it names: relative names start at the file's folder. It does not become
l2tpvld's own file, which a reload and the next start read: that these differ is said.`,
		Example: `  l2tpvl-ctl plan new.yaml && l2tpvl-ctl apply new.yaml`,
	}, (*api.Client).Apply, "")
}

// fileCommand is a command that sends a configuration.
func (a *app) fileCommand(cmd *cobra.Command, send func(*api.Client, context.Context, api.Configuration) (api.Plan, error), would string) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		plan, err := send(a.client(), cmd.Context(), api.Configuration{File: file, Text: string(text)})
		if err != nil {
			return err
		}
		if err := show(a, plan, renderPlan(would)); err != nil {
			return err
		}
		if len(plan.Restart) > 0 {
			return &noError{"this configuration takes a restart of l2tpvld"}
		}
		return nil
	}
	return cmd
}

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have l2tpvld read its own configuration file again",
		Long: `Have the running l2tpvld read its own configuration file again, as SIGHUP does, and do what has changed, and nothing else. What
that would be, plan says of the file.`,
		Example: `  l2tpvl-ctl reload`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := a.client().Reload(cmd.Context())
			if err != nil {
				return err
			}
			return show(a, plan, renderPlan(""))
		},
	}
}
