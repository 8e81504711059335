// Package frr has Debian's FRR route the customers' prefixes over our links, in the virtual machine
// of integration/vm. It runs in the virtual routers of both PEs with the examples of configs/frr:
// so the examples hold.
package frr

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.MainWithPrograms(m)) }

const (
	examples = "../../../configs/frr"
	patience = 3 * time.Minute // of a test, for all that must happen
)

// world is a lab whose daemons know no route to the customers' networks.
type world struct {
	testing.TB
	*lab.Lab
	ctx  context.Context
	vrfs bool // the virtual routers are VRFs, not namespaces
	frrs []lab.Namespace
}

// protocols are the customers' routing protocols: what FRR says of the neighbour at the other end,
// and the kernel of routes.
var protocols = map[string]struct {
	show, adjacent, proto string
}{
	"red":  {"show ip ospf%s neighbor", "Full/", "ospf"},
	"blue": {"show bgp%s neighbors", "BGP state = Established", "bgp"},
}

// Two customers with the same addresses, one with OSPF and one with BGP, have their networks told
// from PE to PE over their links, and again after the link was new.
func TestFRR(t *testing.T) {
	for _, tt := range []struct {
		name string
		vrfs bool
	}{{"namespaces", false}, {"VRFs", true}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.vrfs)
			for _, vpn := range w.VPNs {
				w.waitRouted(vpn)
			}
			w.checkIsolation()
			for _, vpn := range w.VPNs {
				start := time.Now()
				w.must(w.router(w.PE1, vpn).IP("link delete vl-" + vpn + "-pe2"))
				for _, pe := range w.PEs() {
					w.must(pe.WaitUp(w.ctx, vpn, start))
				}
				w.waitRouted(vpn)
				t.Logf("%s: link deleted, and routed again within %s", vpn, time.Since(start).Round(10*time.Millisecond))
			}
		})
	}
}

func newWorld(t *testing.T, vrfs bool) *world {
	t.Helper()
	l, err := lab.New(lab.Options{Bin: vm.Programs()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	w := &world{TB: t, Lab: l, ctx: ctx, vrfs: vrfs}
	t.Cleanup(func() {
		cancel()
		w.finish()
	})
	for _, pe := range w.PEs() {
		c := pe.Config().Quick()
		c.DataPlane = "kernel"
		for name, vpn := range c.VPNs {
			vpn.Links[0].Routes = nil
			c.VPNs[name] = vpn
		}
		if vrfs {
			w.must(pe.Forward())
			w.UseVRFs(c)
		}
		w.must(pe.Start(ctx, c))
	}
	for _, pe := range w.PEs() {
		for _, vpn := range w.VPNs {
			w.must(pe.WaitUp(ctx, vpn, time.Time{}))
			if vrfs {
				w.must(pe.AttachVRF(vpn))
			} else {
				w.must(pe.Sites[vpn].Attach())
				w.startFRR(pe.Sites[vpn].VR, fmt.Sprintf("%s-%s.conf", vpn, pe.Name))
			}
		}
		if vrfs {
			w.startFRR(pe.NS, fmt.Sprintf("vrf-%s.conf", pe.Name))
		}
	}
	return w
}

// finish removes the lab, after a failure with what FRR and the daemons have to say.
func (w *world) finish() {
	if w.Failed() {
		for _, ns := range w.frrs {
			for _, command := range []string{"show running-config", "show interface brief", "show ip route vrf all", "show ip ospf vrf all neighbor", "show bgp vrf all summary"} {
				out, _ := exec.Command("vtysh", "-N", string(ns), "-c", command).CombinedOutput()
				w.Logf("%s: %s\n%s", ns, command, out)
			}
		}
		for _, pe := range w.PEs() {
			if log, err := os.ReadFile(pe.LogFile()); err == nil {
				w.Logf("log of %s:\n%s", pe.Name, log)
			}
		}
	}
	if err := w.Close(); err != nil {
		w.Error(err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// startFRR starts in a namespace what of FRR an example takes, and has it read that. FRR's own
// script would do the same, but watchfrr, by which it does, has no patience with a machine as slow
// as this. The lab ends it.
func (w *world) startFRR(in lab.Namespace, example string) {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(examples, example))
	w.must(err)
	settings, state := filepath.Join("/etc/frr", string(in)), filepath.Join("/run/frr", string(in))
	for _, dir := range []string{settings, state} {
		w.must(os.MkdirAll(dir, 0o755))
	}
	w.must(os.WriteFile(filepath.Join(settings, "frr.conf"), text, 0o644))
	w.must(os.WriteFile(filepath.Join(settings, "vtysh.conf"), nil, 0o644))
	w.run(exec.CommandContext(w.ctx, "chown", "frr:frr", filepath.Dir(state), state))
	w.frrs = append(w.frrs, in)
	w.run(in.Command(w.ctx, "/usr/lib/frr/zebra", "-d", "-N", string(in)))
	for program, speaks := range map[string]string{"ospfd": "router ospf", "bgpd": "router bgp"} {
		if strings.Contains(string(text), speaks) {
			w.run(in.Command(w.ctx, "/usr/lib/frr/"+program, "-d", "-N", string(in)))
		}
	}
	w.run(exec.CommandContext(w.ctx, "vtysh", "-N", string(in), "-b"))
}

// run runs a command, which may leave processes behind that keep its output open.
func (w *world) run(cmd *exec.Cmd) {
	w.Helper()
	said, err := os.CreateTemp(w.Dir, "said")
	w.must(err)
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		w.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, text)
	}
}

// router is where the interfaces of a VPN are.
func (w *world) router(pe *lab.PE, vpn string) lab.Namespace {
	if w.vrfs {
		return pe.NS
	}
	return pe.Sites[vpn].VR
}

// inVRF is what commands of FRR and ip(8) about a VPN say besides.
func (w *world) inVRF(vpn string) string {
	if w.vrfs {
		return " vrf " + vpn
	}
	return ""
}

// waitRouted waits until both PEs' FRRs are adjacent, have the other's network from there, and
// hosts reach each other.
func (w *world) waitRouted(vpn string) {
	w.Helper()
	p := protocols[vpn]
	for _, pe := range w.PEs() {
		show := fmt.Sprintf(p.show, w.inVRF(vpn))
		w.must(lab.Wait(w.ctx, fmt.Sprintf("%s's %s: %q in %q", pe.Name, vpn, p.adjacent, show), func() (bool, string, error) {
			out, err := exec.Command("vtysh", "-N", string(w.router(pe, vpn)), "-c", show).CombinedOutput()
			return err == nil && strings.Contains(string(out), p.adjacent), string(out), nil
		}))
		want := []string{
			pe.Peer.Sites[vpn].Subnet.String(), " via " + linkAddress(pe.Peer),
			fmt.Sprintf(" dev vl-%s-%s ", vpn, pe.Peer.Name), " proto " + p.proto,
		}
		w.must(lab.Wait(w.ctx, fmt.Sprintf("%s's route%q", pe.Name, want), func() (bool, string, error) {
			args := strings.Fields("route show" + w.inVRF(vpn))
			out, err := exec.Command("ip", append([]string{"-n", string(w.router(pe, vpn))}, args...)...).CombinedOutput()
			for line := range strings.Lines(string(out)) {
				if !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) }) {
					return true, "", nil
				}
			}
			return false, string(out), err
		}))
	}
	w.must(lab.Wait(w.ctx, "a ping in "+vpn, func() (bool, string, error) {
		pong, err := w.PE1.Sites[vpn].Host.Ping(w.ctx, w.PE2.Sites[vpn].Address, lab.Ping{Count: 1})
		return pong.Received == 1, pong.Output, err
	}))
}

// linkAddress is the address of a PE's ends of links.
func linkAddress(pe *lab.PE) string { return fmt.Sprintf("10.255.0.%d", pe.Number-1) }

// checkIsolation has the far hosts, which have one address, say who they are.
func (w *world) checkIsolation() {
	w.Helper()
	const port = 7
	for _, vpn := range w.VPNs {
		stop, err := w.PE2.Sites[vpn].Answer(w.ctx, port, vpn)
		w.must(err)
		defer stop()
	}
	for _, vpn := range w.VPNs {
		at := netip.AddrPortFrom(w.PE2.Sites[vpn].Address, port)
		if answer, err := w.PE1.Sites[vpn].Ask(w.ctx, at); err != nil || answer != vpn {
			w.Errorf("%s asks who is at %s, and %q answers: %v", vpn, at, answer, err)
		}
	}
}
