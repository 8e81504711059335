package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const good = `
local: {hostname: pe1, router_id: 192.0.2.1}
peers:
  pe2: {address: 192.0.2.2, authentication: none}
vpns:
  red:
    vpn_id: 5e:1
    vr: {netns: red}
    links: [{peer: pe2}]
`

const help = `l2tpvld makes and keeps virtual links to other provider edge routers.

Usage: l2tpvld --config FILE [--check] [--require-ipsec]

SIGHUP has it read the configuration again and do what has changed, and nothing else; SIGTERM has it take all links down
and end.

  -c, --config string   the configuration: YAML, TOML or JSON, by its extension (required)
      --check           check the configuration, print what is wrong with it, and touch nothing
      --require-ipsec   refuse a configuration with a link in clear (ipsec: none)
      --version         print the version
`

// What an operator types wrong is said in a line, with what would be right.
func TestRun(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fine := file("good.yaml", good)
	two := file("two.yaml", strings.ReplaceAll(good, "192.0.2.2", "nowhere")+"colour: blue\n")
	// An API socket where none can be keeps the daemon from starting.
	stuck := file("stuck.yaml", good+"api: {socket: "+fine+"/s}\n")
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		out    string
		errs   []string // what each line of standard error begins with, and says
	}{
		{"help", []string{"--help"}, 0, help, nil},
		{"version", []string{"--version"}, 0, "l2tpvld (devel)\n", nil},
		{"nothing", nil, exitUsage, "", []string{"l2tpvld: no configuration; say --config FILE"}},
		{"unknown flag", []string{"--colour"}, exitUsage, "", []string{"l2tpvld: unknown flag: --colour; see l2tpvld --help"}},
		{"flag without value", []string{"--config"}, exitUsage, "", []string{"l2tpvld: flag needs an argument: --config; see l2tpvld --help"}},
		{"argument", []string{"-c", fine, "now"}, exitUsage, "", []string{`l2tpvld: unexpected argument "now"; see l2tpvld --help`}},
		{"no such file", []string{"-c", "/nowhere/l2tpvl.yaml"}, exitConfig, "", []string{"l2tpvld: open /nowhere/l2tpvl.yaml: no such file or directory"}},
		{"good", []string{"--check", "-c", fine}, 0, fine + ": fine: 1 peer, 1 VPN\n", nil},
		{"two mistakes", []string{"--check", "-c", two}, exitConfig, "", []string{"colour", `peers.pe2.address: "nowhere"`}},
		{"mistakes without --check", []string{"-c", two}, exitConfig, "", []string{"colour", `peers.pe2.address: "nowhere"`}},
		{
			"link in clear",
			[]string{"--require-ipsec", "--check", "-c", fine},
			exitConfig, "",
			[]string{`vpns.red.links[0].ipsec: "none" is refused because l2tpvld runs with --require-ipsec; set required`},
		},
		{"cannot start", []string{"-c", stuck}, exitFailed, "", []string{"l2tpvld: api.socket: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if status := run(tt.args, &out, &errs); status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			if out.String() != tt.out {
				t.Errorf("standard output\n%swant\n%s", out.String(), tt.out)
			}
			lines := strings.Count(errs.String(), "\n")
			if lines != len(tt.errs) {
				t.Errorf("%d lines on standard error, want %d:\n%s", lines, len(tt.errs), errs.String())
			}
			for _, want := range tt.errs {
				if !strings.Contains(errs.String(), want) {
					t.Errorf("standard error lacks %q:\n%s", want, errs.String())
				}
			}
		})
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 peers", 1: "1 peer", 2: "2 peers"} {
		if got := count(n, "peer"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The manual page has the flags and exit statuses that there are, and no other flags.
func TestManualPage(t *testing.T) {
	text, err := os.ReadFile("../../configs/package/l2tpvld.8")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(text), `\-`, "-")
	flag := regexp.MustCompile(`--[a-z-]+`)
	want := flag.FindAllString(help[strings.Index(help, "  -c"):], -1)
	for _, name := range want {
		if !strings.Contains(page, name) {
			t.Errorf("the page lacks %s", name)
		}
	}
	for _, name := range flag.FindAllString(page, -1) {
		if !slices.Contains(want, name) {
			t.Errorf("the page has %s, which is no flag", name)
		}
	}
	for _, status := range []int{0, exitFailed, exitUsage, exitConfig} {
		if !strings.Contains(page, fmt.Sprintf(".B %d\n", status)) {
			t.Errorf("the page lacks the exit status %d", status)
		}
	}
}
