package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// manCommand writes the manual pages, for `make man`. The pages have the date of the sources, if
// SOURCE_DATE_EPOCH tells it.
func (a *app) manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Short:   "Write the manual pages",
		Long:    "Write a manual page for each command into a folder, which is made if it is not there.",
		Example: "  l2tpvl-ctl man man1",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root.DisableAutoGenTag = true
			root.InitDefaultCompletionCmd()
			// The socket in the pages is the default, whatever it is here.
			socket := root.PersistentFlags().Lookup("socket")
			socket.DefValue = api.DefaultSocket
			date := time.Unix(0, 0).UTC()
			header := &doc.GenManHeader{Section: "1", Source: "l2tpvl", Manual: "l2tpvl manual", Date: &date}
			if os.Getenv("SOURCE_DATE_EPOCH") != "" {
				header.Date = nil // it is taken from there
			}
			return doc.GenManTree(root, header, args[0])
		},
	}
}
