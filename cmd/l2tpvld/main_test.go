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

const help = `l2tpvld maintains point-to-point links between the virtual routers of this host and those of other
provider edge routers. It runs in the foreground and logs to standard error.

Usage: l2tpvld --config FILE [--check] [--require-ipsec]

SIGHUP makes it read the configuration again and apply the differences. SIGTERM and SIGINT make it
take all links down and exit.

Exit status:
  0   the daemon was stopped, or the configuration is valid
  1   the daemon could not start, or did not stop cleanly
  64  the command line is wrong
  78  the configuration has errors

  -c, --config file     configuration file: YAML, TOML or JSON, according to its
                        extension (required)
      --check           check the configuration, print its errors, and change nothing
      --require-ipsec   refuse a configuration with a link without IPsec (ipsec: none)
      --version         print the version
`

// Each error of the command line is reported on one line, with the correction.
func TestRun(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	valid := file("good.yaml", good)
	two := file("two.yaml", strings.ReplaceAll(good, "192.0.2.2", "nowhere")+"colour: blue\n")
	// The daemon cannot start: its API socket would be below a file.
	unusable := file("unusable.yaml", good+"api: {socket: "+valid+"/s}\n")
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		out    string
		errs   []string // texts on standard error, one for each line
	}{
		{"help", []string{"--help"}, 0, help, nil},
		{"version", []string{"--version"}, 0, "l2tpvld (devel)\n", nil},
		{"no arguments", nil, exitUsage, "", []string{"l2tpvld: no configuration file; use --config FILE"}},
		{"unknown flag", []string{"--colour"}, exitUsage, "", []string{"l2tpvld: unknown flag: --colour; see l2tpvld --help"}},
		{"flag without value", []string{"--config"}, exitUsage, "", []string{"l2tpvld: flag needs an argument: --config; see l2tpvld --help"}},
		{"argument", []string{"-c", valid, "now"}, exitUsage, "", []string{`l2tpvld: unexpected argument "now"; see l2tpvld --help`}},
		{"no such file", []string{"-c", "/nowhere/l2tpvl.yaml"}, exitConfig, "", []string{"l2tpvld: open /nowhere/l2tpvl.yaml: no such file or directory"}},
		{"good", []string{"--check", "-c", valid}, 0, valid + ": valid: 1 peer, 1 VPN\n", nil},
		{"two errors", []string{"--check", "-c", two}, exitConfig, "", []string{"colour", `peers.pe2.address: "nowhere"`}},
		{"errors without --check", []string{"-c", two}, exitConfig, "", []string{"colour", `peers.pe2.address: "nowhere"`}},
		{
			"clear link",
			[]string{"--require-ipsec", "--check", "-c", valid},
			exitConfig, "",
			[]string{`vpns.red.links[0].ipsec: "none" is refused because l2tpvld runs with --require-ipsec; set required`},
		},
		{"cannot start", []string{"-c", unusable}, exitFailed, "", []string{"l2tpvld: api.socket: "}},
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

// The manual page has all flags and exit statuses of the program, and no other flags.
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
			t.Errorf("the page has the unknown flag %s", name)
		}
	}
	for _, status := range []int{0, exitFailed, exitUsage, exitConfig} {
		if !strings.Contains(page, fmt.Sprintf(".B %d\n", status)) {
			t.Errorf("the page lacks the exit status %d", status)
		}
	}
}
