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

// demo is one demonstration.
type demo struct {
	screen      *screen
	bin         string // of the binaries; empty to build them
	keep        bool
	shell       bool            // it is kept running while a shell runs, not until Ctrl-C
	kept        bool            // it was kept running as long as the person wanted
	interrupted context.Context // ends with Ctrl-C

	mustProtect bool // it is a failure if IPsec cannot be shown
	protect     protection

	*lab.Lab
}

const picture = `
    red   10.1.1.2 ── VR ─┐                                      ┌─ VR ── 10.1.2.2  red
                          ├─ pe1 ════ provider network ════ pe2 ─┤
    blue  10.1.1.2 ── VR ─┘  192.0.2.1                192.0.2.2  └─ VR ── 10.1.2.2  blue`

// version is that of the sources, as make build has it.
func version() string {
	out, err := exec.Command("git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "demo"
	}
	return strings.TrimSpace(string(out))
}

// run goes through the demonstration and takes everything away again.
func (d *demo) run() error {
	d.screen.line(d.screen.paint(bold, "l2tpvl: two provider edge routers, two customers with the same addresses, one virtual link each"))
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
	if err := d.makeLab(); err != nil {
		return err
	}
	err := d.show()
	if d.interrupted.Err() != nil && !d.kept {
		err = errInterrupted // whatever failed because of it
	} else if err != nil {
		d.showLogs()
	}
	if left := d.leave(); left != nil {
		return errors.Join(err, left)
	}
	return err
}

// show goes through the steps in the lab.
func (d *demo) show() error {
	ctx, cancel := context.WithTimeout(d.interrupted, timeout)
	defer cancel()
	for _, step := range []func(context.Context) error{
		d.startCharons, d.startDaemons, d.awaitLinks, d.attachHosts, d.ping, d.transfer, d.isolate, d.inspect, d.showProtection,
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

// makeLab makes the namespaces.
func (d *demo) makeLab() (err error) {
	d.screen.step("A provider network, two PEs, and a customer host for each VPN at both ends")
	start := time.Now()
	if d.Lab, err = lab.New(lab.Options{Bin: d.bin}); err != nil {
		return err
	}
	namespaces, err := d.Namespaces()
	if err != nil {
		return err
	}
	d.screen.ok("%d network namespaces, named %s-*  (%s)", len(namespaces), d.Prefix, since(start))
	return nil
}

func (d *demo) startDaemons(ctx context.Context) error {
	d.screen.step("l2tpvld starts on both")
	for _, pe := range d.PEs() {
		start := time.Now()
		if err := pe.Start(ctx, d.config(pe)); err != nil {
			return err
		}
		status, err := pe.Client().Status(ctx)
		if err != nil {
			return err
		}
		d.screen.ok("%s  %s  configured by %s  (%s)", pe.Name, pe.Address, pe.ConfigFile(), since(start))
		d.screen.note("data plane %s: %s", status.DataPlane, status.DataPlaneReason)
	}
	return nil
}

// awaitLinks tells of each link as it comes up.
func (d *demo) awaitLinks(ctx context.Context) error {
	patience := 20 * time.Second
	if d.protected() { // IKE has to come first
		patience = 90 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d.screen.step("The links come up: one control connection, and in it one session per VPN with PPP inside")
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
					d.screen.ok("%s  %-4s  %s → %s  %s in %s, MTU %d  (%s)",
						pe.Name, l.VPN, l.Local, l.Remote, l.Interface, l.VR, l.MTU, since(start))
				default:
					waiting = append(waiting, strings.TrimSpace(fmt.Sprintf("%s %s %s", name, l.State, l.Reason)))
				}
			}
		}
		if len(waiting) > 0 {
			d.screen.pass("%s", strings.Join(waiting, ", "))
		}
		return len(waiting) == 0, strings.Join(waiting, ", "), nil
	})
}

func carriesIPv4(l api.Link) bool {
	return l.State == api.LinkUp && slices.Contains(l.Protocols, "ipv4")
}

// attachHosts joins the hosts to the virtual routers, which the daemons have created.
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
	d.screen.step("Pings from host to host")
	for _, vpn := range d.VPNs {
		from, to := d.PE1.Sites[vpn], d.PE2.Sites[vpn]
		pong, err := from.Host.Ping(ctx, to.Address, lab.Ping{Count: 5})
		if err != nil {
			return err
		}
		if pong.Received == 0 {
			return fmt.Errorf("%s: no ping came back:\n%s", vpn, pong.Output)
		}
		d.screen.ok("%-4s  %s → %s  %d of %d, %.2f ms on average", vpn, from.Address, to.Address, pong.Received, pong.Sent, pong.RTT)
	}
	return nil
}

func (d *demo) transfer(ctx context.Context) error {
	octets := int64(64 << 20)
	if d.protected() && os.Getenv("L2TPVL_VM") != "" {
		octets = 2 << 20 // an emulated processor takes its time to encrypt
	}
	d.screen.step(fmt.Sprintf("A TCP transfer of %d MiB of random octets from host to host", octets>>20))
	for _, vpn := range d.VPNs {
		d.screen.pass("%s", vpn)
		t, err := d.PE1.Sites[vpn].Transfer(ctx, d.PE2.Sites[vpn], octets)
		if err != nil {
			return err
		}
		if !t.Intact() {
			return fmt.Errorf("%s: SHA-256 %x was sent, and %x received", vpn, t.Sent, t.Received)
		}
		d.screen.ok("%-4s  SHA-256 %x… at both ends  %s, %.0f Mbit/s",
			vpn, t.Sent[:8], t.Duration.Round(10*time.Millisecond), t.Rate()/1e6)
	}
	return nil
}

// inspect shows what an operator sees.
func (d *demo) inspect(ctx context.Context) error {
	d.screen.step("What the operator sees")
	for _, pe := range d.PEs() {
		for _, args := range [][]string{{"links"}, {"peers"}} {
			if err := d.ctl(ctx, pe, args...); err != nil {
				return err
			}
		}
	}
	return d.ctl(ctx, d.PE1, "explain", "red", "pe2")
}

// ctl runs l2tpvl-ctl as a person would, who sees its output as it is.
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

// ctlNo is ctl for a command whose answer is to be no, which its exit status tells.
func (d *demo) ctlNo(ctx context.Context, pe *lab.PE, args ...string) error {
	err := d.ctl(ctx, pe, args...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%v: everything is fine, and should not be", args)
	}
	return err
}

// shutdown has both daemons take their leave.
func (d *demo) shutdown() error {
	d.screen.step("Both daemons shut down")
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
				return fmt.Errorf("%s has created namespace %s, and left it", pe.Name, vr)
			}
		}
		d.screen.ok("%s has closed its sessions and its connection, and taken its links and virtual routers away  (%s)", pe.Name, since(start))
	}
	return d.endProtection()
}

// leave removes the lab.
func (d *demo) leave() error {
	if err := d.Close(); err != nil {
		return err
	}
	left, err := d.Namespaces()
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("namespaces are left: %s", strings.Join(left, ", "))
	}
	return err
}

// showLogs shows the end of both daemons' logs, after a failure.
func (d *demo) showLogs() {
	const lines = 20
	for _, pe := range d.PEs() {
		log, err := os.ReadFile(pe.LogFile())
		if err != nil {
			continue // it was never started
		}
		all := strings.Split(strings.TrimSpace(string(log)), "\n")
		d.screen.line("")
		d.screen.line(fmt.Sprintf("The last lines of %s:", filepath.Base(pe.LogFile())))
		for _, line := range all[max(0, len(all)-lines):] {
			d.screen.note("%s", line)
		}
	}
}

func since(start time.Time) string { return fmt.Sprintf("%.2f s", time.Since(start).Seconds()) }
