package scale

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// All links come up, all come back after one daemon was killed and started again at once, while the kernel still clears what
// it had, and a clean end leaves nothing. L2TPVL_LINKS says how many links.
func TestScale(t *testing.T) {
	p := newPair(t, links(t), time.Hour)
	start := time.Now()
	took := func(what string) {
		t.Logf("%d links: %s within %s", p.links, what, time.Since(start).Round(10*time.Millisecond))
		start = time.Now()
	}
	p.start()
	took("both daemons answer")
	p.waitUp(time.Time{})
	took("all up at both ends")
	p.logCosts()
	for _, vpn := range []int{0, p.links / 2, p.links - 1} {
		pong, err := vr(p.PE1, vpn).Ping(p.ctx, p.linkAddress(p.PE2), lab.Ping{Count: 1})
		if err != nil || pong.Received != 1 {
			t.Errorf("VPN %d: %v: %s", vpn, err, pong.Output)
		}
	}
	start = time.Now()
	killed := start
	p.must(p.PE2.Daemon.Kill())
	p.must(p.PE2.Restart(p.ctx))
	took("PE2 killed, and its next daemon answers")
	p.waitUp(killed)
	took("all up again")
	p.stop()
	took("both daemons have ended")
	p.checkGone()
}

// logCosts tells what the links cost: a daemon's files, threads and memory, and what is left of the machine's memory.
func (p *pair) logCosts() {
	p.Helper()
	proc := fmt.Sprintf("/proc/%d", p.PE1.Daemon.PID())
	files, err := os.ReadDir(proc + "/fd")
	p.must(err)
	status, err := os.ReadFile(proc + "/status")
	p.must(err)
	var costs []string
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); slices.Contains([]string{"VmRSS:", "Threads:"}, fields[0]) {
			costs = append(costs, strings.Join(fields, " "))
		}
	}
	left, err := vm.Available()
	p.must(err)
	p.Logf("PE1 has %d files open, %s; the machine has %d MiB left", len(files), strings.Join(costs, ", "), left>>10)
}

// checkGone sees that nothing of the links is left, but for what the killed daemon has made and the next one found: the
// virtual routers of PE2.
func (p *pair) checkGone() {
	p.Helper()
	for _, pe := range p.PEs() {
		out, err := exec.Command("ip", "-n", string(pe.NS), "l2tp", "show", "session").CombinedOutput()
		p.must(err)
		if len(out) > 0 {
			p.Errorf("%s has L2TP sessions left:\n%s", pe.Name, out)
		}
	}
	remains, err := p.Remains()
	p.must(err)
	left := map[*lab.PE]int{}
	for _, name := range remains {
		for _, pe := range p.PEs() {
			if p.isVR(name) && strings.HasPrefix(name, string(pe.NS)+"-") {
				left[pe]++
			}
		}
	}
	if left[p.PE1] != 0 || left[p.PE2] != p.links {
		p.Errorf("PE1 has left %d virtual routers, want none; PE2 %d, want the %d that its second daemon has found", left[p.PE1], left[p.PE2], p.links)
	}
	for _, vpn := range []int{0, p.links / 2, p.links - 1} {
		names, err := vr(p.PE2, vpn).Interfaces()
		p.must(err)
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "vl") }) {
			p.Errorf("VPN %d of PE2 has left %q", vpn, names)
		}
	}
}
