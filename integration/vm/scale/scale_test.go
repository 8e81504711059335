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

// All links come up. They come back after one daemon is killed and started again at once, while the
// kernel still removes its interfaces. A clean stop leaves nothing. L2TPVL_LINKS sets the number of
// links.
func TestScale(t *testing.T) {
	p := newPair(t, links(t), time.Hour)
	start := time.Now()
	took := func(what string) {
		t.Logf("%d links: %s within %s", p.links, what, time.Since(start).Round(10*time.Millisecond))
		start = time.Now()
	}
	p.start()
	took("both daemons started")
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
	p.must(p.PE1.Restart(p.ctx)) // at once: the kernel has just begun to remove the interfaces
	took("PE1 killed and restarted")
	p.waitUp(killed)
	took("all up again")
	p.stop()
	took("both daemons stopped")
	p.checkGone()
}

// logCosts logs the resources that the links use: a daemon's files, threads and memory, and the
// available memory of the machine.
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
	p.Logf("PE1: %d open files, %s; %d MiB available in the machine", len(files), strings.Join(costs, ", "), left>>10)
}

// checkGone checks that nothing of the links is left.
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
				p.Errorf("%s has interfaces %q left in %s, want lo only: %v", pe.Name, names, vr(pe, i), err)
			}
		}
	}
}
