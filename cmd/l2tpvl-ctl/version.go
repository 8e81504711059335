package main

import (
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// versionInfo is what `version` tells.
type versionInfo struct {
	Version string `json:"version"` // of the module, "(devel)" if it was built from a working copy
	Go      string `json:"go"`      // of the toolchain
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which l2tpvl-ctl this is",
		Long:    "Say which l2tpvl-ctl this is. Which l2tpvld runs is told by `l2tpvl-ctl status`.",
		Example: "  l2tpvl-ctl version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var v versionInfo
			if build, ok := debug.ReadBuildInfo(); ok {
				v = versionInfo{Version: build.Main.Version, Go: build.GoVersion}
			}
			return show(a, v, renderVersion)
		},
	}
}

func renderVersion(v versionInfo, _ time.Time, s style) string {
	return s.text("l2tpvl-ctl "+v.Version+" ("+v.Go+")") + "\n"
}
