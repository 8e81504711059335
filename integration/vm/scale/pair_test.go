package scale

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// pair is two PEs with links of many VPNs between them, each VPN with a namespace of its own at either end.
type pair struct {
	testing.TB
	*lab.Lab
	ctx   context.Context
	links int
}

// newPair makes the PEs; their daemons are not started. All must be over within that time.
func newPair(t testing.TB, links int, within time.Duration) *pair {
	t.Helper()
	l, err := lab.New(lab.Options{Bin: vm.Programs(), VPNs: []string{"first"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	p := &pair{TB: t, Lab: l, ctx: ctx, links: links}
	t.Cleanup(func() {
		cancel()
		p.finish()
	})
	return p
}

// finish removes the PEs, after a failure with the last words of the daemons.
func (p *pair) finish() {
	for _, pe := range p.PEs() {
		if log, err := os.ReadFile(pe.LogFile()); p.Failed() && err == nil {
			lines := slices.Collect(strings.Lines(string(log)))
			p.Logf("end of the log of %s:\n%s", pe.Name, strings.Join(lines[max(0, len(lines)-40):], ""))
		}
	}
	if err := errors.Join(p.removeRouters(), p.Close()); err != nil {
		p.Error(err)
	}
}

// removeRouters removes what virtual routers are left, and at once: the lab itself takes its time for each namespace.
func (p *pair) removeRouters() error {
	for _, pe := range p.PEs() {
		if pe.Daemon != nil && pe.Daemon.Running() {
			_ = pe.Daemon.Kill() // its links would keep the kernel busy
		}
	}
	names, err := p.Remains()
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !p.isVR(name) })
	return batch("netns delete %s\n", names)
}

// isVR reports whether a namespace of the lab is a virtual router.
func (p *pair) isVR(name string) bool {
	return slices.ContainsFunc(p.PEs(), func(pe *lab.PE) bool {
		number, of := strings.CutPrefix(name, string(pe.NS)+"-")
		_, err := strconv.Atoi(number)
		return of && err == nil
	})
}

// batch has ip(8) carry out a command for each name.
func batch(command string, names []string) error {
	var commands strings.Builder
	for _, name := range names {
		fmt.Fprintf(&commands, command, name)
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(commands.String())
	if out, err := ip.CombinedOutput(); err != nil {
		return fmt.Errorf("ip -batch: %w: %s", err, out)
	}
	return nil
}

func (p *pair) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// vr is the namespace of a VPN at a PE.
func vr(pe *lab.PE, vpn int) lab.Namespace { return lab.Namespace(fmt.Sprintf("%s-%d", pe.NS, vpn)) }

// config is a PE's configuration: that of the first VPN, for each.
func (p *pair) config(pe *lab.PE) lab.Config {
	c := pe.Config()
	c.DataPlane = "kernel"
	c.Log.Level = "info"
	first := c.VPNs["first"]
	delete(c.VPNs, "first")
	for i := range p.links {
		vpn := first
		vpn.VPNID = lab.VPNID(i)
		vpn.VR = lab.VR{NetNS: string(vr(pe, i))}
		vpn.Links = slices.Clone(first.Links)
		vpn.Links[0].Interface = fmt.Sprintf("vl%d", i)
		c.VPNs[fmt.Sprintf("vpn%d", i)] = vpn
	}
	return c
}

// start starts both daemons.
func (p *pair) start() {
	p.Helper()
	for _, pe := range p.PEs() {
		p.must(pe.Start(p.ctx, p.config(pe)))
	}
}

// waitUp waits until all links of both PEs are up, and have come up after that time.
func (p *pair) waitUp(after time.Time) {
	p.Helper()
	for _, pe := range p.PEs() {
		p.must(lab.Wait(p.ctx, fmt.Sprintf("%d links of %s to be up", p.links, pe.Name), func() (bool, string, error) {
			all, err := pe.Client().Links(p.ctx)
			up := 0
			var other api.Link
			for _, l := range all {
				if l.State == api.LinkUp && l.Since.After(after) && len(l.Protocols) == 2 {
					up++
				} else {
					other = l
				}
			}
			return up == p.links, fmt.Sprintf("%d of %d up; of the others: %+v", up, len(all), other), err
		}))
	}
}

// stop has both daemons end.
func (p *pair) stop() {
	p.Helper()
	for _, pe := range p.PEs() {
		p.must(pe.Daemon.Stop(p.ctx))
	}
}

// linkAddress is the address of a PE's end of each link.
func (p *pair) linkAddress(pe *lab.PE) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 255, 0, byte(pe.Number - 1)})
}
