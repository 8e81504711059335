// Package guide runs docs/operators-guide.md, line by line, on two hosts inside the virtual machine
// of integration/vm.
package guide

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.MainWithPrograms(m)) }

const guide = "../../../docs/operators-guide.md"

// All steps of the operator's guide work in their order: commands succeed, and print lines that
// begin with the same words as those in the guide.
func TestOperatorsGuide(t *testing.T) {
	steps := read(t, guide)
	if len(steps) < 30 {
		t.Fatalf("%s has %d steps", guide, len(steps))
	}
	pes := map[string][]*machine{}
	for i := 1; i <= 2; i++ {
		m := boot(t, fmt.Sprintf("pe%d", i))
		pes[m.name] = []*machine{m}
		pes["both"] = append(pes["both"], m)
	}
	connect(t, pes["both"][0], pes["both"][1])
	for _, s := range steps {
		for _, m := range pes[s.place] {
			runStep(t, m, s)
			if t.Failed() {
				logState(t, pes["both"])
				return
			}
		}
	}
}

// connect connects the machines: eth0 is on the provider's network, and eth1 is connected to a
// customer's host, 10.1.1.2 at pe1 and 10.1.2.2 at pe2.
func connect(t *testing.T, pe1, pe2 *machine) {
	script := fmt.Sprintf("ip link add eth0 netns %s type veth peer name eth0 netns %s\n", pe1.pid, pe2.pid)
	for i, pe := range []*machine{pe1, pe2} {
		script += fmt.Sprintf(`
			ip netns add host%[1]d
			ip link add eth1 netns %[2]s type veth peer name eth0 netns host%[1]d
			ip -n host%[1]d addr add 10.1.%[1]d.2/24 dev eth0
			ip -n host%[1]d link set eth0 up
			ip -n host%[1]d route add default via 10.1.%[1]d.1
			nsenter --target %[2]s --net ip addr add 192.0.2.%[1]d/24 dev eth0
			nsenter --target %[2]s --net ip link set eth0 up
			`, i+1, pe.pid)
	}
	if out, err := exec.Command("bash", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// runStep writes the file of a step, or runs its command and checks the output.
func runStep(t *testing.T, m *machine, s step) {
	t.Helper()
	if s.path != "" {
		m.write(s.path, s.text)
		return
	}
	out, err := m.run(s.text)
	t.Logf("%s# %s\n%s", m.name, s.text, out)
	if err != nil {
		t.Errorf("%s:%d: %s: %v", guide, s.line, s.text, err)
	}
	for _, line := range s.output {
		if word := strings.Fields(line)[0]; !hasLine(out, word) {
			t.Errorf("%s:%d: %s printed no line that begins with %q", guide, s.line, s.text, word)
		}
	}
}

// hasLine reports whether a line of the text begins with that word.
func hasLine(text, word string) bool {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == word {
			return true
		}
	}
	return false
}

// logState logs the state of the machines and the logs of their services.
func logState(t *testing.T, pes []*machine) {
	for _, m := range pes {
		out, _ := m.run("tail -n 60 /run/*.log; l2tpvl-ctl links; l2tpvl-ctl peers; ip -br addr")
		t.Logf("%s:\n%s", m.name, out)
	}
}
