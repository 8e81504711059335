package main

import (
	"context"
	"runtime"
	"time"

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "(devel)"

// versionInfo is the output of the version command.
type versionInfo struct {
	Version string `json:"version"`          // of l2tpvl-ctl
	Go      string `json:"go"`               // version of the Go toolchain that built it
	Daemon  string `json:"daemon,omitempty"` // of l2tpvld; empty if it does not answer
	Reason  string `json:"reason,omitempty"` // why l2tpvld does not answer
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of l2tpvl-ctl and l2tpvld",
		Long: `Print the version of l2tpvl-ctl and of the running l2tpvld. If no l2tpvld answers, the reason is
printed instead, and the exit status is 0.`,
		Example: `  l2tpvl-ctl version
  l2tpvl-ctl version -o yaml`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(a, a.versions(cmd.Context()), renderVersion)
		},
	}
}

func (a *app) versions(ctx context.Context) versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version()}
	status, err := a.client().Status(ctx)
	if err != nil {
		v.Reason = err.Error()
		return v
	}
	v.Daemon = status.Version
	return v
}

func renderVersion(v versionInfo, _ time.Time, s style) string {
	text := s.text("l2tpvl-ctl "+v.Version+" ("+v.Go+")") + "\n"
	if v.Daemon == "" {
		return text + s.text("l2tpvld    no answer: "+v.Reason) + "\n"
	}
	return text + s.text("l2tpvld    "+v.Daemon) + "\n"
}
