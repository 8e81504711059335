// Command l2tpvld maintains point-to-point links between the virtual routers of this provider edge
// router and those of its peers.
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

// version is set by the linker.
var version = "(devel)"

const usage = `l2tpvld maintains point-to-point links between the virtual routers of this host and those of other
provider edge routers. It runs in the foreground and logs to standard error.

Usage: l2tpvld --config FILE [--check] [--require-ipsec]

SIGHUP makes it read the configuration again and apply the differences. SIGTERM and SIGINT make it
take all links down and exit.

Exit status:
  0   the daemon was stopped, or the configuration is valid
  1   the daemon could not start, or did not stop cleanly
  64  the command line is wrong
  78  the configuration has errors

`

// Exit statuses. 2 is that of a Go program that crashes.
const (
	exitFailed = 1  // the daemon could not start, or did not stop cleanly
	exitUsage  = 64 // the command line is wrong: EX_USAGE of sysexits(3head)
	exitConfig = 78 // the configuration has errors: EX_CONFIG; systemd does not restart the daemon
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	fail := func(status int, err error) int {
		fmt.Fprintf(stderr, "l2tpvld: %v\n", err)
		return status
	}
	flags := pflag.NewFlagSet("l2tpvld", pflag.ContinueOnError)
	file := flags.StringP("config", "c", "", "configuration `file`: YAML, TOML or JSON, according to its\nextension (required)")
	check := flags.Bool("check", false, "check the configuration, print its errors, and change nothing")
	requireIPsec := flags.Bool("require-ipsec", false, "refuse a configuration with a link without IPsec (ipsec: none)")
	showVersion := flags.Bool("version", false, "print the version")
	flags.SortFlags = false
	flags.Usage = func() { fmt.Fprint(stdout, usage+flags.FlagUsages()) }
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		return fail(exitUsage, fmt.Errorf("%w; see l2tpvld --help", err))
	case *showVersion:
		fmt.Fprintln(stdout, "l2tpvld", version)
		return 0
	case flags.NArg() > 0:
		return fail(exitUsage, fmt.Errorf("unexpected argument %q; see l2tpvld --help", flags.Arg(0)))
	case *file == "":
		return fail(exitUsage, errors.New("no configuration file; use --config FILE"))
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
		return fail(exitConfig, err)
	}
	if *check {
		fmt.Fprintf(stdout, "%s: valid: %s, %s\n", *file, count(len(cfg.Peers), "peer"), count(len(cfg.VPNs), "VPN"))
		return 0
	}
	log, level, err := daemon.NewLogger(cfg.Log)
	if err != nil {
		return fail(exitFailed, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	reload := daemon.Reload{When: hangups, File: *file, Level: level, Read: load, RequireIPsec: *requireIPsec}
	if err := daemon.Run(ctx, cfg, reload, systemd(log), version, log); err != nil {
		return fail(exitFailed, err)
	}
	return 0
}

// count returns a number with its noun, such as "2 peers".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
