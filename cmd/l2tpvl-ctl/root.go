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

// environment is the outside world as the commands see it.
type environment struct {
	stdout, stderr io.Writer
	terminal       bool   // stdout is one
	screen         screen // for pictures that change; nil: there is none
	getenv         func(string) string
	now            func() time.Time
}

// app is one run of the program: its environment and the global flags.
type app struct {
	environment
	socket string
	output choice
	color  choice
	parsed bool // the command line is right: what fails from here on is no error of usage
}

// run carries out one command line, without the program's name, and returns the exit code.
func run(args []string, env environment) int { return runIn(context.Background(), args, env) }

// runIn is run, where what would go on for ever ends with ctx.
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

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "l2tpvl-ctl",
		Short: "Inspect the virtual links of l2tpvld, explain and change them",
		Long: `l2tpvl-ctl asks a running l2tpvld for its virtual links, explains why a link is as it is, and has links changed. It also says
in words what a capture of L2TPv3 traffic holds, for which it needs no l2tpvld.

Exit codes:
  0  fine
  1  the answer is no: explain finds the link not up, links --wait ran out of time, decode finds no L2TP, or faults in it,
     plan finds that a restart is needed
  2  the command line is wrong, or names a VPN or peer that l2tpvld does not have
  3  l2tpvld cannot be reached, or cannot do it; a file cannot be read, or is a configuration with mistakes`,
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
		"the daemon's `socket`; L2TPVL_SOCKET in the environment sets it too")
	flags.VarP(&a.output, "output", "o", "how to answer: table or, with more columns, wide for people; json or yaml for programs")
	flags.Var(&a.color, "color", "colours: auto takes them on a terminal unless NO_COLOR is set")
	for name, c := range map[string]*choice{"output": &a.output, "color": &a.color} {
		// It fails for flags that do not exist alone.
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

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Type() string { return strings.Join(c.of, "|") }

func (c *choice) Set(value string) error {
	if !slices.Contains(c.of, value) {
		return fmt.Errorf("it takes %s", strings.Join(c.of, ", "))
	}
	c.value = value
	return nil
}
