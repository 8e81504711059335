package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// ours matches the calls of l2tpvl-ctl in a shell command.
var ours = regexp.MustCompile(`l2tpvl-ctl ([^|&]*)`)

// Every command has an example, and every example works with a daemon and the files that it names.
func TestExamplesOfTheHelp(t *testing.T) {
	d := newDialogue(t, oldSecret).linkUp()
	t.Chdir(t.TempDir())
	for name, octets := range map[string][]byte{"pe1.pcap": d.pcap(), "pe2.secret": []byte(oldSecret), "new.yaml": []byte("vpns: {}")} {
		if err := os.WriteFile(name, octets, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"L2TPVL_SOCKET": serve(t), "LANG": "C.UTF-8"}
	a := &app{environment: environment{getenv: func(string) string { return "" }}}
	ran := map[string]int{}
	for _, cmd := range append(a.rootCommand().Commands(), a.rootCommand()) {
		if cmd.Name() == "help" || cmd.Name() == "completion" { // cobra's own
			continue
		}
		for line := range strings.Lines(cmd.Example) {
			for _, run := range ours.FindAllStringSubmatch(line, -1) {
				ran[cmd.Name()]++
				t.Run(strings.TrimSpace(line), func(t *testing.T) { runExample(t, env, strings.Fields(run[1])) })
			}
		}
		if ran[cmd.Name()] == 0 {
			t.Errorf("the help of %s has no example", cmd.Name())
		}
	}
}

func runExample(t *testing.T, env map[string]string, args []string) {
	stdin, err := os.Open("pe1.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	before := os.Stdin
	defer func() { os.Stdin = before }()
	os.Stdin = stdin

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr strings.Builder
	outside := environmentFor(env, &stdout, writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "connection to l2tpvld lost") {
			cancel() // --follow has shown all events and would wait
		}
		return stderr.Write(p)
	}))
	code := runIn(ctx, args, outside)
	if code != exitOK && code != exitNegative || stdout.Len() == 0 && args[0] != "man" && !strings.Contains(strings.Join(args, " "), " -w ") {
		t.Errorf("exit status %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}

// Each command has a manual page that does not depend on the environment.
func TestManPages(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	t.Setenv("SOURCE_DATE_EPOCH", "1784635331")
	got := runWith(map[string]string{"L2TPVL_SOCKET": "/tmp/mine"}, "man", folder)
	if got != (outcome{}) {
		t.Fatalf("%+v", got)
	}
	a := &app{environment: environment{getenv: func(string) string { return "" }}}
	visible := func(c *cobra.Command) bool { return !c.Hidden && c.Name() != "help" }
	for _, cmd := range a.rootCommand().Commands() {
		page, err := os.ReadFile(filepath.Join(folder, "l2tpvl-ctl-"+cmd.Name()+".1"))
		if visible(cmd) != (err == nil) {
			t.Errorf("page of %s: %v", cmd.Name(), err)
		}
		if text := string(page); err == nil && (!strings.Contains(text, ".SH EXAMPLE") || strings.Contains(text, "/tmp/mine") || !strings.Contains(text, `"Jul 2026"`)) {
			t.Errorf("page of %s:\n%s", cmd.Name(), page)
		}
	}
	page, err := os.ReadFile(filepath.Join(folder, "l2tpvl-ctl.1"))
	if err != nil || !strings.Contains(string(page), "Exit status") || !strings.Contains(string(page), "/run/l2tpvl/l2tpvl.sock") {
		t.Errorf("%v in\n%s", err, page)
	}
}
