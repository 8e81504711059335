package scale

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// All links come up, all come back after one daemon was killed and started again at once, while the
// kernel still clears what it had, and a clean end leaves nothing. L2TPVL_LINKS says how many
// links.
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
		pong, err := vr(p.PE1, vpn).Ping(p.ctx, linkAddress(p.PE2, vpn), lab.Ping{Count: 1})
		if err != nil || pong.Received != 1 {
			t.Errorf("VPN %d: %v: %s", vpn, err, pong.Output)
		}
	}
	start = time.Now()
	killed := start
	p.must(syscall.Kill(p.PE1.Daemon.PID(), syscall.SIGKILL))
	p.must(p.PE1.Restart(p.ctx)) // at once: the kernel has just begun to clear
	took("PE1 killed, and its next daemon answers")
	p.waitUp(killed)
	took("all up again")
	p.stop()
	took("both daemons have ended")
	p.checkGone()
}

// logCosts tells what the links cost: a daemon's files, threads and memory, and what is left of the
// machine's memory.
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

// checkGone sees that nothing of the links is left.
func (p *pair) checkGone() {
	p.Helper()
	for _, pe := range p.PEs() {
		out, err := exec.Command("ip", "-n", string(pe.NS), "l2tp", "show", "session").CombinedOutput()
		p.must(err)
		if len(out) > 0 {
			p.Errorf("%s has L2TP sessions left:\n%s", pe.Name, out)
		}
		for i := 0; i < p.links; i += sharing {
			if names, err := vr(pe, i).Interfaces(); err != nil || !slices.Equal(names, []string{"lo"}) {
				p.Errorf("%s has interfaces %q left in %s, want lo alone: %v", pe.Name, names, vr(pe, i), err)
			}
		}
	}
}
