package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// checkIsolation checks in three ways that no packet passes between the two VPNs, which use the
// same addresses.
func (d *demo) checkIsolation(ctx context.Context) error {
	d.screen.step("Check that red and blue cannot reach each other")
	for _, check := range []func(context.Context) error{d.checkNames, d.checkOtherAddress, d.checkCaptures} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkNames checks that the same address belongs to a different host in each VPN: each host
// answers with the name of its VPN.
func (d *demo) checkNames(ctx context.Context) error {
	const port = 7
	for _, vpn := range d.VPNs {
		stop, err := d.PE2.Sites[vpn].Answer(ctx, port, vpn)
		if err != nil {
			return err
		}
		defer stop()
	}
	for _, vpn := range d.VPNs {
		at := netip.AddrPortFrom(d.PE2.Sites[vpn].Address, port)
		answer, err := d.PE1.Sites[vpn].Ask(ctx, at)
		if err != nil {
			return err
		}
		if answer != vpn {
			return fmt.Errorf("%s: the host at %s answers %q, want %q", vpn, at, answer, vpn)
		}
		d.screen.ok("%-4s  asks the host at %s for its name: %q", vpn, at, answer)
	}
	return nil
}

// checkOtherAddress pings, from both VPNs, an address that only blue has.
func (d *demo) checkOtherAddress(ctx context.Context) error {
	address := netip.MustParseAddr("10.1.2.99")
	if err := d.PE2.Sites["blue"].Host.IP(fmt.Sprintf("addr add %s/24 dev eth0", address)); err != nil {
		return err
	}
	for _, vpn := range []string{"blue", "red"} {
		d.screen.progress("%s pings %s", vpn, address)
		pong, err := d.PE1.Sites[vpn].Host.Ping(ctx, address, lab.Ping{Count: 2})
		if err != nil {
			return err
		}
		reaches, should := pong.Received > 0, vpn == "blue"
		if reaches != should {
			return fmt.Errorf("%s pings %s, which only blue has: %s", vpn, address, replies(pong))
		}
		d.screen.ok("%-4s  pings %s, which only blue has: %s", vpn, address, replies(pong))
	}
	return nil
}

// checkCaptures captures the packets of both links while red sends pings with a mark, which no
// other packet has.
func (d *demo) checkCaptures(ctx context.Context) error {
	captures := map[string]*lab.Capture{}
	for _, vpn := range d.VPNs {
		links, err := d.PE2.Client().Links(ctx)
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.VPN != vpn {
				continue
			}
			if captures[vpn], err = d.StartCapture(d.PE2.Sites[vpn].VR, l.Interface); err != nil {
				return err
			}
		}
	}
	mark := []byte("sent by red only") // 16 octets, as many as a ping can repeat
	pong, err := d.PE1.Sites["red"].Host.Ping(ctx, d.PE2.Sites["red"].Address, lab.Ping{Pattern: mark})
	if err != nil {
		return err
	}
	packets := map[string]int{}
	for vpn, c := range captures {
		if err := c.Stop(); err != nil {
			return err
		}
		if packets[vpn], err = c.Count(mark); err != nil {
			return err
		}
	}
	if pong.Received == 0 || packets["red"] == 0 || packets["blue"] != 0 {
		return fmt.Errorf("red's marked packets: %d on red's link, want at least 1; %d on blue's link, want 0:\n%s",
			packets["red"], packets["blue"], pong.Output)
	}
	d.screen.ok("red   sends marked packets: %d captured on red's link, %d on blue's link", packets["red"], packets["blue"])
	return nil
}
