package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the daemon's status",
		Long: `Show the version and uptime of l2tpvld, its data plane with the reason for the choice, and the
number of dropped datagrams for each reason. With -o wide, reasons without drops are listed too.`,
		Example: `  l2tpvl-ctl status
  l2tpvl-ctl status -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := a.client().Status(cmd.Context())
			if err != nil {
				return err
			}
			return show(a, status, renderStatus)
		},
	}
}

func renderStatus(st api.Status, now time.Time, s style) string {
	text := s.text(fmt.Sprintf("l2tpvld %s on %s, up for %s, since %s",
		st.Version, st.HostName, api.DurationText(now.Sub(st.Started)), formatClock(st.Started, now))) + "\n"
	text += s.text("data plane "+st.DataPlane+": "+st.DataPlaneReason) + "\n"

	t := table{titles: []string{"DROPPED", "BECAUSE"}}
	for _, reason := range slices.Sorted(maps.Keys(st.Drops)) {
		if n := st.Drops[reason]; n > 0 || s.wide {
			t.add(count(n), plain(reason))
		}
	}
	if len(t.rows) == 0 {
		return text + "no datagrams dropped\n"
	}
	return text + "\n" + t.render(s)
}
