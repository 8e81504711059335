package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// environment is what the commands use of the process: tests replace it.
type environment struct {
	stdout, stderr io.Writer
	terminal       bool   // stdout is a terminal
	screen         screen // for output that is redrawn; nil without a terminal
	getenv         func(string) string
	now            func() time.Time
}

// app is one run of the program: its environment and the global flags.
type app struct {
	environment
	socket string
	output choice
	color  choice
	parsed bool // the command line is valid: later errors are not usage errors
}

// run runs one command line, without the program's name, and returns the exit status.
func run(args []string, env environment) int { return runIn(context.Background(), args, env) }

// runIn is run with a context that ends commands such as events --follow.
func runIn(ctx context.Context, args []string, env environment) int {
	a := &app{
		environment: env,
		output:      choice{value: outputTable, of: []string{outputTable, outputWide, outputJSON, outputYAML}},
		color:       choice{value: "auto", of: []string{"auto", "always", "never"}},
	}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	return a.report(root.ExecuteContext(ctx))
}

// helpWidth is the width of the help, in columns.
const helpWidth = 100

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "l2tpvl-ctl",
		Short: "Show, explain and change the virtual links of l2tpvld",
		Long: `l2tpvl-ctl shows the virtual links of a running l2tpvld, explains why a link is up or down, and
changes links and the configuration. The decode command prints the L2TPv3 messages of a capture
file and needs no l2tpvld.

Exit status:
  0  success
  1  negative result:
       explain       the link is not up
       links --wait  the links were not up in time
       decode        the file has no L2TP, or faulty messages
       plan          a change requires a restart of l2tpvld
  2  usage error, or unknown VPN or peer
  3  failure: l2tpvld cannot be reached or answers with an error,
     a file cannot be read, or the configuration is invalid`,
		Example: `  l2tpvl-ctl links
  l2tpvl-ctl explain green pe3`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRun: func(*cobra.Command, []string) {
			a.parsed = true
		},
	}
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range root.Commands() {
			names = append(names, c.Name())
		}
		return oneOf("command", args[0], names)
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.socket, "socket", "s", cmp.Or(a.getenv("L2TPVL_SOCKET"), api.DefaultSocket),
		"path of l2tpvld's `socket`; the environment variable L2TPVL_SOCKET sets it too")
	flags.VarP(&a.output, "output", "o", "output format; wide is a table with more columns")
	flags.Var(&a.color, "color", "use of colours; auto: on a terminal, unless NO_COLOR is set")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpWidth)))
	for name, c := range map[string]*choice{"output": &a.output, "color": &a.color} {
		// The error is for unknown flags only.
		_ = root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp))
	}
	root.AddCommand(
		a.applyCommand(),
		a.captureCommand(),
		a.decodeCommand(),
		a.downCommand(),
		a.eventsCommand(),
		a.explainCommand(),
		a.ipsecCommand(),
		a.linksCommand(),
		a.mtuCommand(),
		a.peersCommand(),
		a.planCommand(),
		a.reloadCommand(),
		a.resetCommand(),
		a.sessionsCommand(),
		a.statusCommand(),
		a.topCommand(),
		a.upCommand(),
		a.versionCommand(),
		a.vpnsCommand(),
	)
	root.AddCommand(a.manCommand(root))
	return root
}

func (a *app) client() *api.Client { return api.NewClient(a.socket) }

func (a *app) style() style {
	s := newStyle(a.color.value, a.terminal, a.getenv)
	s.wide = a.output.value == outputWide
	return s
}

// choice is a flag whose value is one of a few words.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return strings.Join(c.of, "|") }

func (c *choice) Set(value string) error {
	if !slices.Contains(c.of, value) {
		return fmt.Errorf("want one of %s", strings.Join(c.of, ", "))
	}
	c.value = value
	return nil
}
