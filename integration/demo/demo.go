package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

var errInterrupted = errors.New("interrupted")

// demo is one run of the demonstration.
type demo struct {
	screen      *screen
	bin         string          // directory of the binaries; empty: build them
	keep        bool            // keep the lab running after the last step
	shell       bool            // with keep: while a shell runs, rather than until Ctrl-C
	kept        bool            // the user has looked around and has ended the demonstration
	interrupted context.Context // done after Ctrl-C

	mustProtect bool // fail if IPsec cannot be shown
	protect     protection

	*lab.Lab
}

const picture = `
    red   10.1.1.2 ── VR ─┐                                      ┌─ VR ── 10.1.2.2  red
                          ├─ pe1 ════ provider network ════ pe2 ─┤
    blue  10.1.1.2 ── VR ─┘  192.0.2.1                192.0.2.2  └─ VR ── 10.1.2.2  blue`

// version returns the version of the sources, as `make build` sets it.
func version() string {
	out, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "demo"
	}
	return strings.TrimSpace(string(out))
}

// run runs the demonstration and removes everything that it has created.
func (d *demo) run() error {
	d.screen.line(d.screen.paint(bold, "l2tpvl: two provider edge routers (PEs) connect the sites of two customers with the same addresses"))
	d.screen.line(picture)
	if d.bin == "" {
		dir, err := os.MkdirTemp("", "l2tpvl-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		d.bin = dir
		d.screen.step("Build l2tpvld and l2tpvl-ctl")
		if err := lab.Build(d.bin, "-ldflags", "-X main.version="+version()); err != nil {
			return err
		}
	}
	if err := d.createLab(); err != nil {
		return err
	}
	err := d.runSteps()
	if d.interrupted.Err() != nil && !d.kept {
		err = errInterrupted // the cause of any other error
	} else if err != nil {
		d.showLogs()
	}
	if failure := d.removeLab(); failure != nil {
		return errors.Join(err, failure)
	}
	return err
}

// runSteps runs the steps in the lab.
func (d *demo) runSteps() error {
	ctx, cancel := context.WithTimeout(d.interrupted, timeout)
	defer cancel()
	for _, step := range []func(context.Context) error{
		d.startCharons, d.startDaemons, d.awaitLinks, d.attachHosts, d.ping, d.transfer, d.checkIsolation, d.inspect, d.showProtection,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if d.keep {
		if err := d.keepRunning(); err != nil {
			return err
		}
	}
	return d.shutdown()
}

// createLab creates the namespaces.
func (d *demo) createLab() (err error) {
	d.screen.step("Create a provider network, two PEs, and a host of each customer at each PE")
	start := time.Now()
	if d.Lab, err = lab.New(lab.Options{Bin: d.bin}); err != nil {
		return err
	}
	namespaces, err := d.Namespaces()
	if err != nil {
		return err
	}
	d.screen.ok("%d network namespaces created, named %s-*  (%s)", len(namespaces), d.Prefix, since(start))
	return nil
}

func (d *demo) startDaemons(ctx context.Context) error {
	d.screen.step("Start l2tpvld on both PEs")
	for _, pe := range d.PEs() {
		start := time.Now()
		if err := pe.Start(ctx, d.config(pe)); err != nil {
			return err
		}
		status, err := pe.Client().Status(ctx)
		if err != nil {
			return err
		}
		d.screen.ok("%s  %s  started with %s  (%s)", pe.Name, pe.Address, pe.ConfigFile(), since(start))
		d.screen.note("data plane %s: %s", status.DataPlane, status.DataPlaneReason)
	}
	return nil
}

// awaitLinks waits for the links and shows each one as it comes up.
func (d *demo) awaitLinks(ctx context.Context) error {
	longest := 20 * time.Second
	if d.protected() { // IKE must finish first
		longest = 90 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	d.screen.step("Wait for the virtual links: one L2TP session for each customer, with PPP inside")
	start := time.Now()
	up := map[string]bool{}
	return lab.Wait(ctx, "all links to come up", func() (bool, string, error) {
		var waiting []string
		for _, pe := range d.PEs() {
			links, err := pe.Client().Links(ctx)
			if err != nil {
				return false, "", err
			}
			for _, l := range links {
				name := pe.Name + " " + l.VPN
				switch {
				case up[name]:
				case carriesIPv4(l):
					up[name] = true
					d.screen.ok("%s  %-4s  up  %s → %s  interface %s in %s, MTU %d  (%s)",
						pe.Name, l.VPN, l.Local, l.Remote, l.Interface, l.VR, l.MTU, since(start))
				default:
					waiting = append(waiting, strings.TrimSpace(fmt.Sprintf("%s %s %s", name, l.State, l.Reason)))
				}
			}
		}
		if len(waiting) > 0 {
			d.screen.progress("%s", strings.Join(waiting, ", "))
		}
		return len(waiting) == 0, strings.Join(waiting, ", "), nil
	})
}

func carriesIPv4(l api.Link) bool {
	return l.State == api.LinkUp && slices.Contains(l.Protocols, "ipv4")
}

// attachHosts connects the hosts to the virtual routers, which the daemons have created.
func (d *demo) attachHosts(context.Context) error {
	for _, pe := range d.PEs() {
		for _, vpn := range d.VPNs {
			if err := pe.Sites[vpn].Attach(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *demo) ping(ctx context.Context) error {
	d.screen.step("Ping from the hosts at pe1 to the hosts at pe2")
	for _, vpn := range d.VPNs {
		from, to := d.PE1.Sites[vpn], d.PE2.Sites[vpn]
		pong, err := from.Host.Ping(ctx, to.Address, lab.Ping{Count: 5})
		if err != nil {
			return err
		}
		if pong.Received == 0 {
			return fmt.Errorf("%s: no reply to a ping:\n%s", vpn, pong.Output)
		}
		d.screen.ok("%-4s  %s → %s  %s, %.2f ms on average", vpn, from.Address, to.Address, replies(pong), pong.RTT)
	}
	return nil
}

func (d *demo) transfer(ctx context.Context) error {
	octets := int64(64 << 20)
	if d.protected() && os.Getenv("L2TPVL_VM") != "" {
		octets = 2 << 20 // encryption is slow on an emulated processor
	}
	d.screen.step(fmt.Sprintf("Transfer %d MiB of random data over TCP from the hosts at pe1 to the hosts at pe2", octets>>20))
	for _, vpn := range d.VPNs {
		d.screen.progress("%s", vpn)
		t, err := d.PE1.Sites[vpn].Transfer(ctx, d.PE2.Sites[vpn], octets)
		if err != nil {
			return err
		}
		if !t.Intact() {
			return fmt.Errorf("%s: SHA-256 of the data was %x when sent, but %x when received", vpn, t.Sent, t.Received)
		}
		d.screen.ok("%-4s  received unchanged (SHA-256 %x…) in %s, %.0f Mbit/s",
			vpn, t.Sent[:8], t.Duration.Round(10*time.Millisecond), t.Rate()/1e6)
	}
	return nil
}

// replies describes the result of a ping.
func replies(p lab.PingResult) string { return fmt.Sprintf("%d of %d replies", p.Received, p.Sent) }

// inspect runs the commands with which an operator inspects the PEs.
func (d *demo) inspect(ctx context.Context) error {
	d.screen.step("Inspect the PEs with l2tpvl-ctl, as an operator does")
	for _, pe := range d.PEs() {
		for _, args := range [][]string{{"links"}, {"peers"}} {
			if err := d.ctl(ctx, pe, args...); err != nil {
				return err
			}
		}
	}
	return d.ctl(ctx, d.PE1, "explain", "red", "pe2")
}

// ctl runs l2tpvl-ctl on pe and shows its output.
func (d *demo) ctl(ctx context.Context, pe *lab.PE, args ...string) error {
	words := pe.CtlCommand(args...)
	d.screen.command(words...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
	}
	return nil
}

// ctlFails is ctl for a command that must report a failure with exit status 1.
func (d *demo) ctlFails(ctx context.Context, pe *lab.PE, args ...string) error {
	err := d.ctl(ctx, pe, args...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("l2tpvl-ctl %s: exit status 0, want 1", strings.Join(args, " "))
	}
	return err
}

// shutdown stops both daemons and checks that they remove what they have created.
func (d *demo) shutdown() error {
	d.screen.step("Stop l2tpvld on both PEs")
	for _, pe := range d.PEs() {
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := pe.Daemon.Stop(ctx)
		cancel()
		if err != nil {
			return err
		}
		for _, vpn := range d.VPNs {
			if vr := pe.Sites[vpn].VR; vr.Exists() {
				return fmt.Errorf("%s has not removed namespace %s, which it has created", pe.Name, vr)
			}
		}
		d.screen.ok("%s  stopped; its links and virtual routers are removed  (%s)", pe.Name, since(start))
	}
	return d.endProtection()
}

// removeLab removes the lab and checks that no namespace of it remains.
func (d *demo) removeLab() error {
	if err := d.Close(); err != nil {
		return err
	}
	left, err := d.Namespaces()
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("namespaces not removed: %s", strings.Join(left, ", "))
	}
	return err
}

// showLogs shows the last lines of both daemons' logs after a failure.
func (d *demo) showLogs() {
	const lines = 20
	for _, pe := range d.PEs() {
		log, err := os.ReadFile(pe.LogFile())
		if err != nil {
			continue // the daemon was not started
		}
		all := strings.Split(strings.TrimSpace(string(log)), "\n")
		d.screen.line("")
		d.screen.line(fmt.Sprintf("Last lines of %s:", filepath.Base(pe.LogFile())))
		for _, line := range all[max(0, len(all)-lines):] {
			d.screen.note("%s", line)
		}
	}
}

func since(start time.Time) string { return fmt.Sprintf("%.2f s", time.Since(start).Seconds()) }
