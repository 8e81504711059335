package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// manCommand writes the manual pages, for `make man`. Their date is SOURCE_DATE_EPOCH, if it is
// set.
func (a *app) manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Short:   "Write the manual pages",
		Long:    "Write a manual page for each command into a folder. The folder is created if it does not exist.",
		Example: "  l2tpvl-ctl man man1",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root.DisableAutoGenTag = true
			root.InitDefaultCompletionCmd()
			// The pages show the default socket, whatever L2TPVL_SOCKET is.
			socket := root.PersistentFlags().Lookup("socket")
			socket.DefValue = api.DefaultSocket
			date := time.Unix(0, 0).UTC()
			header := &doc.GenManHeader{Section: "1", Source: "l2tpvl", Manual: "l2tpvl manual", Date: &date}
			if os.Getenv("SOURCE_DATE_EPOCH") != "" {
				header.Date = nil // cobra uses the variable
			}
			return doc.GenManTree(root, header, args[0])
		},
	}
}
