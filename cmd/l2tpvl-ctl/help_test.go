package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// verbs begin the summaries of commands.
var verbs = []string{
	"Apply", "Bring", "Capture", "Compare", "Explain", "List", "Print", "Reload", "Reset", "Show", "Take", "Write",
}

// Every summary begins with a plain verb, and the help of every command is at most helpWidth
// columns wide, except for the examples.
func TestHelp(t *testing.T) {
	a := &app{environment: environment{getenv: func(string) string { return "" }}}
	root := a.rootCommand()
	for _, cmd := range append(root.Commands(), root) {
		verb := strings.TrimRight(strings.Fields(cmd.Short)[0], ",")
		if !slices.Contains(verbs, verb) || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: summary %q; want one of %s first, and no full stop", cmd.Name(), cmd.Short, strings.Join(verbs, ", "))
		}
		if cmd.Long == "" || !strings.HasSuffix(cmd.Long, ".") && cmd != root {
			t.Errorf("%s: help %q; want sentences", cmd.Name(), cmd.Long)
		}
		for line := range strings.Lines(help(t, cmd)) {
			line = strings.TrimSuffix(line, "\n")
			if displayWidth(line) > helpWidth && !strings.Contains(cmd.Example, line) {
				t.Errorf("%s: a line of %d columns in the help: %q", cmd.Name(), displayWidth(line), line)
			}
		}
	}
}

// help returns the output of a command's --help.
func help(t *testing.T, cmd *cobra.Command) string {
	t.Helper()
	args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
	got := runWith(nil, args...)
	if got.code != exitOK || got.stderr != "" {
		t.Errorf("%q: exit status %d, stderr %q", args, got.code, got.stderr)
	}
	return got.stdout
}
