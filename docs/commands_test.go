package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ran has the commands that the pages show, each with the file of the test that runs it and a text
// in that file. The commands of the operator's guide are not listed: integration/vm/guide runs
// them.
var ran = []struct{ command, file, text string }{
	{"make test", "../.ci/run", "make check test"},
	{"make check", "../.ci/run", "make check test"},
	{"make demo", "../integration/demo/demo.go", "func"},
	{"make image", "../integration/compose/compose_test.go", `"../..", "image"`},
	{"make package", "../integration/package/package_test.go", `"../..", "package"`},
	{"make build", "../Makefile", "\nimage: build"}, // make image, above, runs it
	{"dpkg --install", "../integration/package/package_test.go", `"dpkg", "--install"`},
	{"systemctl enable --now l2tpvld", "../integration/package/package_test.go", `"systemctl", "enable", "--now", service`},
	{"docker compose up", "../integration/compose/compose_test.go", `"up"`},
	{"docker compose exec pe1 l2tpvl-ctl links", "../integration/compose/compose_test.go", `in(pe, "l2tpvl-ctl", "links"`},
	{"l2tpvld --config /etc/l2tpvl/l2tpvl.yaml", "../integration/vm/guide/testdata/systemctl", "l2tpvld --config /etc/l2tpvl/l2tpvl.yaml"},
	{"l2tpvld --check --config bad.yaml", "../integration/check_test.go", `"bad.yaml"`},
	{"install bin/l2tpvld", "../Dockerfile", "COPY"},
	{"apt install charon-systemd", "../integration/vm/prepare", "charon-systemd"},
	{"curl http://127.0.0.1:9702/metrics", "../integration/metrics_test.go", "127.0.0.1:9702"},
	{"prometheus --config.file", "../integration/metrics_test.go", `"--config.file"`},
	{"make bench-control", "../Makefile", "\nbench-control:"}, // measurements are run by hand
	{"make bench-kernel", "../Makefile", "\nbench-kernel:"},
	{"make test-scale", "../integration/vm/scale", ""},
	{"(umask 077; head -c", "../integration/vm/guide/machine_test.go", "umask 077"},
}

var (
	shown  = regexp.MustCompile(`(?m)^ {4}(?:[#$] )?((?:\(umask|l2tpvl-ctl|l2tpvld|make|ip|curl|swanctl|systemctl|docker|apt|dpkg|rpm|install|adduser|prometheus|nft|tshark|sysctl|kill) .*)$`)
	guided = regexp.MustCompile(`(?m)^(?:pe1|pe2|both)# (.+)$`)
	remark = regexp.MustCompile(`\s+#.*$`)
)

// A test runs every command that the pages show.
func TestCommandsAreRun(t *testing.T) {
	all := pages(t)
	var inGuide []string
	for _, command := range guided.FindAllStringSubmatch(all["operators-guide.md"], -1) {
		inGuide = append(inGuide, command[1])
	}
	if len(inGuide) < 30 {
		t.Fatalf("the guide has %d commands", len(inGuide))
	}
	used := map[string]bool{}
	for path, text := range all {
		for _, match := range shown.FindAllStringSubmatch(text, -1) {
			command := remark.ReplaceAllString(match[1], "")
			if isRun(command, inGuide, used) {
				continue
			}
			t.Errorf("%s: no known test runs %q: add it to the operator's guide, or to ran in commands_test.go", path, command)
		}
	}
	for _, r := range ran {
		if !used[r.command] {
			t.Errorf("no page shows %q", r.command)
		}
		if r.text == "" {
			if _, err := os.Stat(r.file); err != nil {
				t.Error(err)
			}
			continue
		}
		text, err := os.ReadFile(filepath.FromSlash(r.file))
		if err != nil || !strings.Contains(string(text), r.text) {
			t.Errorf("%s does not run %q: %q not found (%v)", r.file, r.command, r.text, err)
		}
	}
}

// isRun reports whether the guide has the command, possibly with other names, or ran has its
// beginning.
func isRun(command string, inGuide []string, used map[string]bool) bool {
	for _, r := range ran {
		if rest, begins := strings.CutPrefix(command, r.command); begins && strings.Trim(rest[:min(1, len(rest))], " =") == "" {
			used[r.command] = true
			return true
		}
	}
	kind := kindOf(command)
	for _, g := range inGuide {
		for part := range strings.SplitSeq(g, ";") {
			if kindOf(strings.TrimSpace(part)) == kind {
				return true
			}
		}
	}
	return false
}

// names matches the parts of a command that differ from reader to reader: names of VPNs, peers,
// interfaces and files, and durations.
var names = regexp.MustCompile(`\b(red|green|blue|pe1|pe2|eth0|\d+s|(/tmp/)?pe\d\.pcap\w*)\b| -a duration:\d+| -c \d+| -I \S+`)

// kindOf returns a command without its names.
func kindOf(command string) string {
	command, _, _ = strings.Cut(command, " & ")
	return strings.TrimSpace(strings.ReplaceAll(names.ReplaceAllString(command, ""), "/tmp/", ""))
}
