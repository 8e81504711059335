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

// protection is what shows IPsec: red requires it, blue does without.
type protection struct {
	why     string // why it cannot be shown here; empty: it is
	charons map[*lab.PE]*lab.Charon
	watch   *lab.LeakWatch
}

const protectedVPN = "red"

// canProtect says why IPsec cannot be shown on this machine; empty: it can.
func (d *demo) canProtect() string {
	if _, err := exec.LookPath("charon-systemd"); err != nil {
		return "strongSwan is not installed: apt install charon-systemd strongswan-swanctl"
	}
	if err := d.PE1.NS.Do(guard.ProbeESP); err != nil {
		return err.Error()
	}
	return ""
}

// startCharons starts strongSwan on both PEs, and somebody who looks at each packet between them
// from now on.
func (d *demo) startCharons(ctx context.Context) (err error) {
	d.protect.why = d.canProtect()
	switch {
	case d.protect.why != "" && d.mustProtect:
		return errors.New(d.protect.why)
	case d.protect.why != "":
		d.screen.note("without IPsec here, which `make demo-vm` shows in a virtual machine: %s", d.protect.why)
		return nil
	}
	d.screen.step("strongSwan starts on both: it agrees on keys for red, which requires IPsec; blue does without")
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
		d.screen.ok("%s  charon-systemd, asked at %s  (%s)", pe.Name, d.protect.charons[pe].Socket, since(start))
	}
	d.screen.note("from here on each packet of the provider network is looked at")
	return nil
}

// portProtected is the port of what IPsec protects, as by default.
const portProtected = 1701

// protected reports whether IPsec protects red.
func (d *demo) protected() bool { return d.protect.why == "" }

// config is the configuration of a PE.
func (d *demo) config(pe *lab.PE) lab.Config {
	c := pe.Config()
	if d.protected() {
		c = pe.Protect(c, protectedVPN)
	}
	return c
}

// saw tells what the provider network has seen so far. A single packet of red in clear is a
// failure.
func (d *demo) saw() error {
	seen := d.protect.watch.Seen()
	if seen.Leaks > 0 {
		return fmt.Errorf("%d packets of red were in clear: %v", seen.Leaks, seen.First)
	}
	d.screen.ok("the provider network saw  red: %d ESP packets, %d in clear   blue: %d in clear", seen.ESP, seen.Leaks, seen.Clear)
	return nil
}

// showProtection shows how IPsec is, and what becomes of red without strongSwan.
func (d *demo) showProtection(ctx context.Context) error {
	if !d.protected() {
		return nil
	}
	d.screen.step("What IPsec does for red, and what others see")
	if err := d.ctl(ctx, d.PE1, "ipsec"); err != nil {
		return err
	}
	d.screen.line("")
	if err := d.saw(); err != nil {
		return err
	}
	if err := d.withoutCharon(ctx); err != nil {
		return err
	}
	return d.withCharonAgain(ctx)
}

// withoutCharon ends strongSwan on PE1, which takes keys and policies with it: strongSwan alone
// would let red go in clear now.
func (d *demo) withoutCharon(ctx context.Context) error {
	d.screen.step("strongSwan is killed on pe1, and takes keys and policies with it")
	if err := d.protect.charons[d.PE1].Stop(); err != nil {
		return err
	}
	for _, vpn := range d.VPNs {
		from, to := d.PE1.Sites[vpn], d.PE2.Sites[vpn]
		d.screen.pass("%s pings", vpn)
		pong, err := from.Host.Ping(ctx, to.Address, lab.Ping{Count: 5})
		if err != nil {
			return err
		}
		if passes := pong.Received > 0; passes != (vpn != protectedVPN) {
			return fmt.Errorf("without strongSwan %d of %d pings of %s came back:\n%s", pong.Received, pong.Sent, vpn, pong.Output)
		}
		d.screen.ok("%-4s  %s → %s  %d of %d come back", vpn, from.Address, to.Address, pong.Received, pong.Sent)
	}
	if err := d.saw(); err != nil {
		return err
	}
	protections, err := d.PE1.Client().IPsec(ctx)
	if err != nil {
		return err
	}
	if len(protections) != 1 || protections[0].DroppedOut == 0 {
		return fmt.Errorf("pe1 tells of no packet that the floor has dropped: %+v", protections)
	}
	d.screen.ok("the floor of pe1 has dropped %d packets that would have left in clear", protections[0].DroppedOut)
	d.screen.pass("the echoes of the link find out")
	if err := d.PE1.WaitNotUp(ctx, protectedVPN); err != nil {
		return err
	}
	return d.ctlNo(ctx, d.PE1, "explain", protectedVPN, "pe2")
}

// withCharonAgain has red heal.
func (d *demo) withCharonAgain(ctx context.Context) error {
	d.screen.step("strongSwan is started again, and red comes back by itself")
	start := time.Now()
	if err := d.protect.charons[d.PE1].Start(ctx); err != nil {
		return err
	}
	from, to := d.PE1.Sites[protectedVPN], d.PE2.Sites[protectedVPN]
	err := lab.Wait(ctx, "red to pass again", func() (bool, string, error) {
		d.screen.pass("red pings")
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
			d.screen.ok("red   %s → %s  passes again, under %s  (%s)", from.Address, to.Address, l.ESP, since(start))
		}
	}
	return d.saw()
}

// endProtection is the last look at the provider network, when both daemons are gone.
func (d *demo) endProtection() error {
	if d.protect.watch == nil {
		return nil
	}
	err := d.saw()
	_, lost := d.protect.watch.Stop()
	d.protect.watch = nil
	for _, charon := range d.protect.charons {
		err = errors.Join(err, charon.Stop())
	}
	d.protect.charons = nil
	return errors.Join(err, lost)
}
