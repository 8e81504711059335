package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// isolate proves in three ways that the two VPNs, whose addresses are the same, do not meet.
func (d *demo) isolate(ctx context.Context) error {
	d.screen.step("Red cannot reach blue")
	for _, proof := range []func(context.Context) error{d.sameAddressOtherHost, d.blueAlone, d.nothingSeen} {
		if err := proof(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sameAddressOtherHost has the far hosts, which have one address, say who they are.
func (d *demo) sameAddressOtherHost(ctx context.Context) error {
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
			return fmt.Errorf("%s asks who is at %s, and a host of %q answers", vpn, at, answer)
		}
		d.screen.ok("%-4s  asks who is at %s: %q", vpn, at, answer)
	}
	return nil
}

// blueAlone has both VPNs ping an address that is in blue alone.
func (d *demo) blueAlone(ctx context.Context) error {
	address := netip.MustParseAddr("10.1.2.99")
	if err := d.PE2.Sites["blue"].Host.IP(fmt.Sprintf("addr add %s/24 dev eth0", address)); err != nil {
		return err
	}
	for _, vpn := range []string{"blue", "red"} {
		d.screen.pass("%s pings %s", vpn, address)
		pong, err := d.PE1.Sites[vpn].Host.Ping(ctx, address, lab.Ping{Count: 2})
		if err != nil {
			return err
		}
		reaches, should := pong.Received > 0, vpn == "blue"
		if reaches != should {
			return fmt.Errorf("%s reaches %s: %v, which is in blue alone", vpn, address, reaches)
		}
		d.screen.ok("%-4s  pings %s, which is in blue alone: %d of %d come back", vpn, address, pong.Received, pong.Sent)
	}
	return nil
}

// nothingSeen looks at both links while red sends what nobody else does.
func (d *demo) nothingSeen(ctx context.Context) error {
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
		return fmt.Errorf("red's octets were seen %d times in red and %d times in blue:\n%s", packets["red"], packets["blue"], pong.Output)
	}
	d.screen.ok("red   sends octets of its own: seen on red's link %d times, on blue's link %d times", packets["red"], packets["blue"])
	return nil
}
