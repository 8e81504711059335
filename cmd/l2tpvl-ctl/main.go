// Command l2tpvl-ctl shows, explains and changes the virtual links of a running l2tpvld.
//
// It is a client of the daemon's API, package daemon/api. Each command has a file of its own, named
// after it; the commands up, down and reset share operate.go, and plan, apply and reload change.go.
package main

import (
	"os"
	"time"

	"golang.org/x/term"
)

func main() {
	os.Exit(run(os.Args[1:], environment{
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		terminal: term.IsTerminal(int(os.Stdout.Fd())),
		screen:   screenOf(os.Stdin, os.Stdout),
		getenv:   os.Getenv,
		now:      time.Now,
	}))
}
