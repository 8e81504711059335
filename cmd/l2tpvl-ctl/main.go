// Command l2tpvl-ctl inspects the virtual links of a running l2tpvld, and explains them.
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
