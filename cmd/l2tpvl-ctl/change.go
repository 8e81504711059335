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
		Short: "Show what a configuration file would change, without changing it",
		Long: `Show what a configuration file would change in the running l2tpvld, link by link: which links are
added, removed, restarted, or changed while they stay up. Nothing is changed.

l2tpvl-ctl reads the file, and l2tpvld reads the secret files that it names. Relative paths in the
file start at its folder.

The exit status is 1 if a change requires a restart of l2tpvld.`,
		Example: `  l2tpvl-ctl plan new.yaml`,
	}, (*api.Client).Plan, "would be ")
}

func (a *app) applyCommand() *cobra.Command {
	return a.fileCommand(&cobra.Command{
		Use:   "apply FILE",
		Short: "Apply a configuration file to the running l2tpvld",
		Long: `Apply a configuration file to the running l2tpvld. It makes exactly the changes that plan shows for
the file; other links are not affected. An invalid configuration, or one that requires a restart,
changes nothing.

l2tpvl-ctl reads the file, and l2tpvld reads the secret files that it names. Relative paths in the
file start at its folder.

The file does not become l2tpvld's own configuration file: a reload, and the next start of l2tpvld,
read the latter again. If the two files differ, apply prints a note.`,
		Example: `  l2tpvl-ctl plan new.yaml && l2tpvl-ctl apply new.yaml`,
	}, (*api.Client).Apply, "")
}

// fileCommand makes cmd send a configuration file and show the plan in the answer; would is as for
// renderPlan.
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
			return &negativeError{"this configuration requires a restart of l2tpvld"}
		}
		return nil
	}
	return cmd
}

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Reload l2tpvld's own configuration file",
		Long: `Make the running l2tpvld read its own configuration file again, as SIGHUP does, and apply the
differences. Links without changes are not affected. Use plan to preview the changes.`,
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
