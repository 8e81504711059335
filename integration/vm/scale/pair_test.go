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

// pair is two PEs with links of many VPNs between them. The virtual routers exist before the
// daemons start. A number of VPNs share a namespace under different names, because the test needs
// many links, and the machine creates namespaces more slowly than links.
type pair struct {
	testing.TB
	*lab.Lab
	ctx   context.Context
	links int
}

const sharing = 50 // VPNs in a namespace

// newPair creates the PEs without starting their daemons. The test must end within that time.
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

// finish removes the PEs. After a failure it logs the last lines of the daemons' logs.
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

// removeRouters removes all virtual routers with one command, faster than the lab would.
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

// vr returns the virtual router of a VPN at a PE.
func vr(pe *lab.PE, vpn int) lab.Namespace { return lab.Namespace(fmt.Sprintf("%s-%d", pe.NS, vpn)) }

// linkAddress returns the address of a PE's end of a VPN's link, unique within a namespace.
func linkAddress(pe *lab.PE, vpn int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(vpn % sharing), byte(pe.Number - 1)})
}

// interfaceName returns the name of a VPN's interface.
func interfaceName(vpn int) string { return fmt.Sprintf("vl%d", vpn) }

// config returns a PE's configuration: that of the lab's first VPN, repeated for each VPN.
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

// waitUp waits until all links of both PEs have come up after that time. It polls less often with
// more links, and requests all links only when the count is right, because a list of thousands of
// links is costly for a daemon.
func (p *pair) waitUp(after time.Time) {
	p.Helper()
	pause := time.NewTicker(time.Duration(p.links) * 2 * time.Millisecond)
	defer pause.Stop()
	start, logged := time.Now(), time.Now()
	for _, pe := range p.PEs() {
		p.must(lab.Wait(p.ctx, fmt.Sprintf("%d links of %s to be up", p.links, pe.Name), func() (bool, string, error) {
			<-pause.C
			peers, err := pe.Client().Peers(p.ctx)
			if err != nil || len(peers) != 1 {
				return false, fmt.Sprintf("%+v", peers), err
			}
			if time.Since(logged) > progress {
				logged = time.Now()
				p.Logf("after %s %d of %s's links are up", time.Since(start).Round(time.Second), peers[0].LinksUp, pe.Name)
			}
			if peers[0].LinksUp != p.links {
				return false, fmt.Sprintf("%+v", peers), err
			}
			all, err := pe.Client().Links(p.ctx)
			late := slices.DeleteFunc(all, func(l api.Link) bool {
				return l.State == api.LinkUp && l.Since.After(after) && len(l.Protocols) == 2
			})
			return err == nil && len(late) == 0, fmt.Sprintf("%d links did not come up since then: %+v", len(late), late[:min(1, len(late))]), err
		}))
	}
}

// progress is the interval at which the number of links that are up is logged, to distinguish slow
// progress from a stall.
const progress = 15 * time.Second

// stop stops both daemons.
func (p *pair) stop() {
	p.Helper()
	for _, pe := range p.PEs() {
		p.must(pe.Daemon.Stop(p.ctx))
	}
}
