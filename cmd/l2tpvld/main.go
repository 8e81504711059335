// Command l2tpvld gives the virtual routers of this provider edge router point-to-point virtual
// links to those of its peers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

Usage: l2tpvld --config FILE [--check] [--require-ipsec]

SIGHUP has it read the configuration again and do what has changed, and nothing else; SIGTERM has it take all links down
and end.

`

// Exit statuses. 2 is that of a Go program that crashes.
const (
	exitFailed = 1  // the daemon could not start, or did not end cleanly
	exitUsage  = 64 // wrong flags: EX_USAGE of sysexits(3head)
	exitConfig = 78 // a configuration with mistakes: EX_CONFIG; systemd need not try it again
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	complain := func(status int, err error) int {
		fmt.Fprintf(stderr, "l2tpvld: %v\n", err)
		return status
	}
	flags := pflag.NewFlagSet("l2tpvld", pflag.ContinueOnError)
	file := flags.StringP("config", "c", "", "the configuration: YAML, TOML or JSON, by its extension (required)")
	check := flags.Bool("check", false, "check the configuration, print what is wrong with it, and touch nothing")
	requireIPsec := flags.Bool("require-ipsec", false, "refuse a configuration with a link in clear (ipsec: none)")
	showVersion := flags.Bool("version", false, "print the version")
	flags.SortFlags = false
	flags.Usage = func() { fmt.Fprint(stdout, usage+flags.FlagUsages()) }
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		return complain(exitUsage, fmt.Errorf("%w; see l2tpvld --help", err))
	case *showVersion:
		fmt.Fprintln(stdout, "l2tpvld", version)
		return 0
	case flags.NArg() > 0:
		return complain(exitUsage, fmt.Errorf("unexpected argument %q; see l2tpvld --help", flags.Arg(0)))
	case *file == "":
		return complain(exitUsage, errors.New("no configuration; say --config FILE"))
	}

	load := func() (*config.Config, error) {
		cfg, err := config.Load(*file)
		if err == nil && *requireIPsec {
			err = cfg.RefuseClear(*file)
		}
		return cfg, err
	}
	cfg, err := load()
	if err != nil {
		return complain(exitConfig, err)
	}
	if *check {
		fmt.Fprintf(stdout, "%s: fine: %s, %s\n", *file, count(len(cfg.Peers), "peer"), count(len(cfg.VPNs), "VPN"))
		return 0
	}
	log, level, err := daemon.NewLogger(cfg.Log)
	if err != nil {
		return complain(exitFailed, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	reload := daemon.Reload{When: hangups, File: *file, Level: level, Read: load, RequireIPsec: *requireIPsec}
	if err := daemon.Run(ctx, cfg, reload, systemd(log), version, log); err != nil {
		return complain(exitFailed, err)
	}
	return 0
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
