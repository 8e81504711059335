package scale

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// pair is two PEs with links of many VPNs between them. The virtual routers are there before the
// daemons. So many VPNs share a namespace, under names of their own: it is links that are to be
// many, and namespaces take the machine longer.
type pair struct {
	testing.TB
	*lab.Lab
	ctx   context.Context
	links int
}

const sharing = 50

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
	for _, pe := range p.PEs() {
		for i := range links {
			name := vr(pe, i)
			if i%sharing == 0 {
				p.must(name.Add())
				continue
			}
			p.must(os.WriteFile(name.Path(), nil, 0o444))
			p.must(unix.Mount(vr(pe, i-i%sharing).Path(), name.Path(), "", unix.MS_BIND, ""))
		}
	}
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

// removeRouters removes the virtual routers at once: the lab itself takes its time for each.
func (p *pair) removeRouters() error {
	var commands strings.Builder
	for _, pe := range p.PEs() {
		if pe.Daemon != nil && pe.Daemon.Running() {
			_ = pe.Daemon.Kill() // its links would keep the kernel busy
		}
		for i := range p.links {
			fmt.Fprintf(&commands, "netns delete %s\n", vr(pe, i))
		}
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

// vr is the virtual router of a VPN at a PE.
func vr(pe *lab.PE, vpn int) lab.Namespace { return lab.Namespace(fmt.Sprintf("%s-%d", pe.NS, vpn)) }

// linkAddress is the address of a PE's end of a VPN's link. Within a namespace no two are the same.
func linkAddress(pe *lab.PE, vpn int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(vpn % sharing), byte(pe.Number - 1)})
}

// interfaceName is the name of a VPN's interface.
func interfaceName(vpn int) string { return fmt.Sprintf("vl%d", vpn) }

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
		vpn.Links[0].Interface = interfaceName(i)
		vpn.Links[0].Address = linkAddress(pe, i).String() + "/31"
		vpn.Links[0].Routes = nil
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

// waitUp waits until all links of both PEs are up, and have come up after that time. The more links
// there are the less often it looks, and each link is asked for only once the count is right: to
// tell of thousands keeps a daemon busy.
func (p *pair) waitUp(after time.Time) {
	p.Helper()
	pause := time.NewTicker(time.Duration(p.links) * 2 * time.Millisecond)
	defer pause.Stop()
	start, told := time.Now(), time.Now()
	for _, pe := range p.PEs() {
		p.must(lab.Wait(p.ctx, fmt.Sprintf("%d links of %s to be up", p.links, pe.Name), func() (bool, string, error) {
			<-pause.C
			peers, err := pe.Client().Peers(p.ctx)
			if err != nil || len(peers) != 1 {
				return false, fmt.Sprintf("%+v", peers), err
			}
			if time.Since(told) > progress {
				told = time.Now()
				p.Logf("after %s %d of %s's links are up", time.Since(start).Round(time.Second), peers[0].LinksUp, pe.Name)
			}
			if peers[0].LinksUp != p.links {
				return false, fmt.Sprintf("%+v", peers), err
			}
			all, err := pe.Client().Links(p.ctx)
			late := slices.DeleteFunc(all, func(l api.Link) bool {
				return l.State == api.LinkUp && l.Since.After(after) && len(l.Protocols) == 2
			})
			return err == nil && len(late) == 0, fmt.Sprintf("%d links not up since then: %+v", len(late), late[:min(1, len(late))]), err
		}))
	}
}

// progress is how often is told how many links are up, so that slowness can be told from a stall.
const progress = 15 * time.Second

// stop has both daemons end.
func (p *pair) stop() {
	p.Helper()
	for _, pe := range p.PEs() {
		p.must(pe.Daemon.Stop(p.ctx))
	}
}
