package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/ipsec/guard"
)

// protection is the part of the demonstration that shows IPsec: red requires it, blue is in the
// clear.
type protection struct {
	unavailable string // why IPsec cannot be shown on this machine; empty: it is shown
	charons     map[*lab.PE]*lab.Charon
	watch       *lab.LeakWatch
}

const protectedVPN = "red"

// unavailableReason returns why IPsec cannot be shown on this machine, or "" if it can.
func (d *demo) unavailableReason() string {
	if _, err := exec.LookPath("charon-systemd"); err != nil {
		return "strongSwan is not installed: apt install charon-systemd strongswan-swanctl libstrongswan-standard-plugins"
	}
	if err := d.PE1.NS.Do(guard.ProbeESP); err != nil {
		return err.Error()
	}
	return ""
}

// startCharons starts strongSwan on both PEs, and a watch that checks every packet between them
// from now on.
func (d *demo) startCharons(ctx context.Context) (err error) {
	d.protect.unavailable = d.unavailableReason()
	switch {
	case d.protect.unavailable != "" && d.mustProtect:
		return fmt.Errorf("cannot show IPsec: %s", d.protect.unavailable)
	case d.protect.unavailable != "":
		d.screen.note("IPsec is not shown on this machine: %s", d.protect.unavailable)
		d.screen.note("`make demo-vm` shows it in a virtual machine")
		return nil
	}
	d.screen.step("Start strongSwan on both PEs: red requires IPsec, blue is in the clear")
	flow := lab.ProtectedFlow{A: d.PE1.Address, B: d.PE2.Address, Ports: []uint16{portProtected}}
	if d.protect.watch, err = d.WatchLeaks(d.PE1.NS, lab.ProviderInterface, flow); err != nil {
		return err
	}
	d.protect.charons = map[*lab.PE]*lab.Charon{}
	for _, pe := range d.PEs() {
		start := time.Now()
		if d.protect.charons[pe], err = pe.StartCharon(ctx); err != nil {
			return err
		}
		d.screen.ok("%s  charon-systemd started, control socket %s  (%s)", pe.Name, d.protect.charons[pe].Socket, since(start))
	}
	d.screen.note("from now on the demo checks every packet in the provider network")
	return nil
}

// portProtected is the UDP port of protected L2TP traffic, the default one.
const portProtected = 1701

// protected reports whether IPsec protects red.
func (d *demo) protected() bool { return d.protect.unavailable == "" }

// config returns the configuration of a PE.
func (d *demo) config(pe *lab.PE) lab.Config {
	c := pe.Config()
	if d.protected() {
		c = pe.Protect(c, protectedVPN)
	}
	return c
}

// checkLeaks shows the packets in the provider network so far. It returns an error if there was
// even one packet of red in the clear.
func (d *demo) checkLeaks() error {
	seen := d.protect.watch.Seen()
	if seen.Leaks > 0 {
		return fmt.Errorf("%d packets of red were in the clear: %v", seen.Leaks, seen.First)
	}
	d.screen.ok("packets in the provider network  red: %d in ESP, %d in the clear  blue: %d in the clear", seen.ESP, seen.Leaks, seen.Clear)
	return nil
}

// showProtection shows the state of IPsec, and what happens to red without strongSwan.
func (d *demo) showProtection(ctx context.Context) error {
	if !d.protected() {
		return nil
	}
	d.screen.step("Show the IPsec protection of red, and the packets in the provider network")
	if err := d.ctl(ctx, d.PE1, "ipsec"); err != nil {
		return err
	}
	d.screen.line("")
	if err := d.checkLeaks(); err != nil {
		return err
	}
	if err := d.stopCharon(ctx); err != nil {
		return err
	}
	return d.restartCharon(ctx)
}

// stopCharon stops strongSwan on PE1, which removes its keys and policies. Without the floor, red's
// packets would now leave in the clear.
func (d *demo) stopCharon(ctx context.Context) error {
	d.screen.step("Stop strongSwan on pe1, which removes the IPsec keys and policies of red")
	if err := d.protect.charons[d.PE1].Stop(); err != nil {
		return err
	}
	for _, vpn := range d.VPNs {
		from, to := d.PE1.Sites[vpn], d.PE2.Sites[vpn]
		d.screen.progress("%s pings", vpn)
		pong, err := from.Host.Ping(ctx, to.Address, lab.Ping{Count: 5})
		if err != nil {
			return err
		}
		if passes := pong.Received > 0; passes != (vpn != protectedVPN) {
			return fmt.Errorf("ping of %s without strongSwan: %s:\n%s", vpn, replies(pong), pong.Output)
		}
		d.screen.ok("%-4s  %s → %s  %s", vpn, from.Address, to.Address, replies(pong))
	}
	if err := d.checkLeaks(); err != nil {
		return err
	}
	protections, err := d.PE1.Client().IPsec(ctx)
	if err != nil {
		return err
	}
	if len(protections) != 1 || protections[0].DroppedOut == 0 {
		return fmt.Errorf("pe1 reports no packet that the floor has dropped: %+v", protections)
	}
	d.screen.ok("the floor (nftables rules) on pe1 has dropped %d packets that would have left in the clear", protections[0].DroppedOut)
	d.screen.progress("waiting until missing echo replies take the link down")
	if err := d.PE1.WaitNotUp(ctx, protectedVPN); err != nil {
		return err
	}
	return d.ctlFails(ctx, d.PE1, "explain", protectedVPN, "pe2")
}

// restartCharon starts strongSwan on PE1 again and waits until red's link has recovered.
func (d *demo) restartCharon(ctx context.Context) error {
	d.screen.step("Start strongSwan on pe1 again: red recovers by itself")
	start := time.Now()
	if err := d.protect.charons[d.PE1].Start(ctx); err != nil {
		return err
	}
	from, to := d.PE1.Sites[protectedVPN], d.PE2.Sites[protectedVPN]
	err := lab.Wait(ctx, "red's ping to be answered again", func() (bool, string, error) {
		d.screen.progress("red pings")
		pong, err := from.Host.Ping(ctx, to.Address, lab.Ping{Count: 1})
		return err == nil && pong.Received > 0, pong.Output, err
	})
	if err != nil {
		return err
	}
	links, err := d.PE1.Client().Links(ctx)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.VPN == protectedVPN && l.State == api.LinkUp {
			d.screen.ok("red   %s → %s  ping is answered again, link protected by ESP with %s  (%s)", from.Address, to.Address, l.ESP, since(start))
		}
	}
	return d.checkLeaks()
}

// endProtection checks for leaks once more after both daemons have stopped, and stops strongSwan.
func (d *demo) endProtection() error {
	if d.protect.watch == nil {
		return nil
	}
	err := d.checkLeaks()
	_, lost := d.protect.watch.Stop()
	d.protect.watch = nil
	for _, charon := range d.protect.charons {
		err = errors.Join(err, charon.Stop())
	}
	d.protect.charons = nil
	return errors.Join(err, lost)
}
