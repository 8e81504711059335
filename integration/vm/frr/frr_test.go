// Package frr tests the examples in configs/frr: Debian's FRR runs with them in the virtual routers
// of both PEs and routes the customers' prefixes over the links, in the virtual machine of
// integration/vm.
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
	patience = 3 * time.Minute // time limit of a test
)

// rig is a lab whose daemons have no routes to the customers' networks.
type rig struct {
	testing.TB
	*lab.Lab
	ctx  context.Context
	vrfs bool // the virtual routers are VRFs, not namespaces
	frrs []lab.Namespace
}

// protocols has the routing protocol of each customer: the FRR command and output for an
// established neighbour, and the protocol of routes in the kernel.
var protocols = map[string]struct {
	show, adjacent, proto string
}{
	"red":  {"show ip ospf%s neighbor", "Full/", "ospf"},
	"blue": {"show bgp%s neighbors", "BGP state = Established", "bgp"},
}

// Two customers with the same addresses, one with OSPF and one with BGP, exchange their routes
// between the PEs over their links, and again after the link was replaced.
func TestFRR(t *testing.T) {
	for _, tt := range []struct {
		name string
		vrfs bool
	}{{"namespaces", false}, {"VRFs", true}} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.vrfs)
			for _, vpn := range r.VPNs {
				r.waitRouted(vpn)
			}
			r.checkIsolation()
			for _, vpn := range r.VPNs {
				start := time.Now()
				r.must(r.router(r.PE1, vpn).IP("link delete vl-" + vpn + "-pe2"))
				for _, pe := range r.PEs() {
					r.must(pe.WaitUp(r.ctx, vpn, start))
				}
				r.waitRouted(vpn)
				t.Logf("%s: link deleted; routed again within %s", vpn, time.Since(start).Round(10*time.Millisecond))
			}
		})
	}
}

func newRig(t *testing.T, vrfs bool) *rig {
	t.Helper()
	l, err := lab.New(lab.Options{Bin: vm.Programs()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	r := &rig{TB: t, Lab: l, ctx: ctx, vrfs: vrfs}
	t.Cleanup(func() {
		cancel()
		r.finish()
	})
	for _, pe := range r.PEs() {
		c := pe.Config().Quick()
		c.DataPlane = "kernel"
		for name, vpn := range c.VPNs {
			vpn.Links[0].Routes = nil
			c.VPNs[name] = vpn
		}
		if vrfs {
			r.must(pe.Forward())
			r.UseVRFs(c)
		}
		r.must(pe.Start(ctx, c))
	}
	for _, pe := range r.PEs() {
		for _, vpn := range r.VPNs {
			r.must(pe.WaitUp(ctx, vpn, time.Time{}))
			if vrfs {
				r.must(pe.AttachVRF(vpn))
			} else {
				r.must(pe.Sites[vpn].Attach())
				r.startFRR(pe.Sites[vpn].VR, fmt.Sprintf("%s-%s.conf", vpn, pe.Name))
			}
		}
		if vrfs {
			r.startFRR(pe.NS, fmt.Sprintf("vrf-%s.conf", pe.Name))
		}
	}
	return r
}

// finish removes the lab. After a failure it logs the state of FRR and the logs of the daemons.
func (r *rig) finish() {
	if r.Failed() {
		for _, ns := range r.frrs {
			for _, command := range []string{"show running-config", "show interface brief", "show ip route vrf all", "show ip ospf vrf all neighbor", "show bgp vrf all summary"} {
				out, _ := exec.Command("vtysh", "-N", string(ns), "-c", command).CombinedOutput()
				r.Logf("%s: %s\n%s", ns, command, out)
			}
		}
		for _, pe := range r.PEs() {
			if log, err := os.ReadFile(pe.LogFile()); err == nil {
				r.Logf("log of %s:\n%s", pe.Name, log)
			}
		}
	}
	if err := r.Close(); err != nil {
		r.Error(err)
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// startFRR starts in a namespace the programs of FRR that an example needs, and loads the example.
// FRR's own script is not used: it starts watchfrr, which times out on a machine as slow as this.
// The lab ends the programs.
func (r *rig) startFRR(in lab.Namespace, example string) {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(examples, example))
	r.must(err)
	settings, state := filepath.Join("/etc/frr", string(in)), filepath.Join("/run/frr", string(in))
	for _, dir := range []string{settings, state} {
		r.must(os.MkdirAll(dir, 0o755))
	}
	r.must(os.WriteFile(filepath.Join(settings, "frr.conf"), text, 0o644))
	r.must(os.WriteFile(filepath.Join(settings, "vtysh.conf"), nil, 0o644))
	r.run(exec.CommandContext(r.ctx, "chown", "frr:frr", filepath.Dir(state), state))
	r.frrs = append(r.frrs, in)
	r.run(in.Command(r.ctx, "/usr/lib/frr/zebra", "-d", "-N", string(in)))
	for program, section := range map[string]string{"ospfd": "router ospf", "bgpd": "router bgp"} {
		if strings.Contains(string(text), section) {
			r.run(in.Command(r.ctx, "/usr/lib/frr/"+program, "-d", "-N", string(in)))
		}
	}
	r.run(exec.CommandContext(r.ctx, "vtysh", "-N", string(in), "-b"))
}

// run runs a command, which may leave processes that keep its output open.
func (r *rig) run(cmd *exec.Cmd) {
	r.Helper()
	output, err := os.CreateTemp(r.Dir, "output")
	r.must(err)
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(output.Name())
		r.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, text)
	}
}

// router returns the namespace with the interfaces of a VPN.
func (r *rig) router(pe *lab.PE, vpn string) lab.Namespace {
	if r.vrfs {
		return pe.NS
	}
	return pe.Sites[vpn].VR
}

// inVRF returns the part of commands of FRR and ip(8) that selects the VRF of a VPN.
func (r *rig) inVRF(vpn string) string {
	if r.vrfs {
		return " vrf " + vpn
	}
	return ""
}

// waitRouted waits until the FRRs of both PEs are adjacent and have the route to the other's
// network, and the hosts reach each other.
func (r *rig) waitRouted(vpn string) {
	r.Helper()
	p := protocols[vpn]
	for _, pe := range r.PEs() {
		show := fmt.Sprintf(p.show, r.inVRF(vpn))
		r.must(lab.Wait(r.ctx, fmt.Sprintf("%s's %s: %q in %q", pe.Name, vpn, p.adjacent, show), func() (bool, string, error) {
			out, err := exec.Command("vtysh", "-N", string(r.router(pe, vpn)), "-c", show).CombinedOutput()
			return err == nil && strings.Contains(string(out), p.adjacent), string(out), nil
		}))
		want := []string{
			pe.Peer.Sites[vpn].Subnet.String(), " via " + linkAddress(pe.Peer),
			fmt.Sprintf(" dev vl-%s-%s ", vpn, pe.Peer.Name), " proto " + p.proto,
		}
		r.must(lab.Wait(r.ctx, fmt.Sprintf("%s's route%q", pe.Name, want), func() (bool, string, error) {
			args := strings.Fields("route show" + r.inVRF(vpn))
			out, err := exec.Command("ip", append([]string{"-n", string(r.router(pe, vpn))}, args...)...).CombinedOutput()
			for line := range strings.Lines(string(out)) {
				if !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) }) {
					return true, "", nil
				}
			}
			return false, string(out), err
		}))
	}
	r.must(lab.Wait(r.ctx, "a ping in "+vpn, func() (bool, string, error) {
		pong, err := r.PE1.Sites[vpn].Host.Ping(r.ctx, r.PE2.Sites[vpn].Address, lab.Ping{Count: 1})
		return pong.Received == 1, pong.Output, err
	}))
}

// linkAddress returns the address of a PE's end of each link.
func linkAddress(pe *lab.PE) string { return fmt.Sprintf("10.255.0.%d", pe.Number-1) }

// checkIsolation checks that each VPN reaches its own remote host, although all have the same
// address.
func (r *rig) checkIsolation() {
	r.Helper()
	const port = 7
	for _, vpn := range r.VPNs {
		stop, err := r.PE2.Sites[vpn].Answer(r.ctx, port, vpn)
		r.must(err)
		defer stop()
	}
	for _, vpn := range r.VPNs {
		at := netip.AddrPortFrom(r.PE2.Sites[vpn].Address, port)
		if answer, err := r.PE1.Sites[vpn].Ask(r.ctx, at); err != nil || answer != vpn {
			r.Errorf("%s: %q answers at %s, want %[1]s: %[4]v", vpn, answer, at, err)
		}
	}
}
