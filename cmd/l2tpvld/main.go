// Command l2tpvld gives the virtual routers of this provider edge router point-to-point virtual links to those of its
// peers.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon"
)

// version is set by the build.
var version = "(devel)"

const usage = `l2tpvld makes and keeps virtual links to other provider edge routers.

Usage: l2tpvld --config FILE [--check]

`

// Exit statuses.
const (
	exitFailed = 1 // the daemon could not start, or did not end cleanly
	exitUsage  = 2 // wrong flags, or a configuration with mistakes
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	flags := pflag.NewFlagSet("l2tpvld", pflag.ContinueOnError)
	file := flags.StringP("config", "c", "", "the configuration: YAML, TOML or JSON, by its extension (required)")
	check := flags.Bool("check", false, "check the configuration, print what is wrong with it, and touch nothing")
	showVersion := flags.Bool("version", false, "print the version")
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage+flags.FlagUsages()) }
	switch err := flags.Parse(args); {
	case err == pflag.ErrHelp:
		return 0
	case err != nil:
		return complain(exitUsage, err)
	case *showVersion:
		fmt.Println("l2tpvld", version)
		return 0
	case flags.NArg() > 0:
		return complain(exitUsage, fmt.Errorf("unexpected argument %q; see l2tpvld --help", flags.Arg(0)))
	case *file == "":
		return complain(exitUsage, fmt.Errorf("no configuration: say --config FILE"))
	}

	cfg, err := config.Load(*file)
	if err != nil {
		return complain(exitUsage, err)
	}
	if *check {
		fmt.Printf("%s: fine: %d peers, %d VPNs\n", *file, len(cfg.Peers), len(cfg.VPNs))
		return 0
	}
	log, err := daemon.NewLogger(cfg.Log)
	if err != nil {
		return complain(exitFailed, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := daemon.Run(ctx, cfg, version, log); err != nil {
		return complain(exitFailed, err)
	}
	return 0
}

func complain(status int, err error) int {
	fmt.Fprintf(os.Stderr, "l2tpvld: %v\n", err)
	return status
}
