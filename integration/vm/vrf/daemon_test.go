package vrf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// Two PEs with two customers that have the same addresses, in VRFs: hosts reach their own VPN's hosts and nobody else's, a
// VRF that is deleted is made anew, and those of the daemon's making are gone at its end.
func TestDaemonsWithVRFs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := lab.New(lab.Options{Bin: os.Getenv(binaries)})
	must(err)
	defer func() {
		for _, pe := range l.PEs() {
			if log, err := os.ReadFile(pe.LogFile()); t.Failed() && err == nil {
				t.Logf("log of %s:\n%s", pe.Name, log)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()

	for _, pe := range l.PEs() {
		// In VRFs whether packets are forwarded is the host's to say.
		must(pe.NS.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }))
		c := pe.Config().Quick()
		for i, vpn := range l.VPNs {
			v := c.VPNs[vpn]
			v.VR = lab.VR{VRF: vpn, Table: 1001 + i}
			v.Links[0].Interface = "vl-" + vpn
			c.VPNs[vpn] = v
		}
		must(pe.Start(ctx, c))
	}
	up := func() {
		t.Helper()
		for _, pe := range l.PEs() {
			must(lab.Wait(ctx, "links of "+pe.Name, func() (bool, string, error) {
				links, err := pe.Client().Links(ctx)
				for _, link := range links {
					if link.State != api.LinkUp {
						return false, link.VPN + ": " + link.Reason, err
					}
				}
				return len(links) == len(l.VPNs), "", err
			}))
		}
	}
	up()
	for _, pe := range l.PEs() {
		for _, vpn := range l.VPNs {
			must(attach(pe, vpn))
		}
		if link, err := pe.Client().Links(ctx); err != nil || link[0].VR != "vrf blue" {
			t.Errorf("the links of %s are %+v, %v; want the first in vrf blue", pe.Name, link, err)
		}
	}
	reach := func(vpn string) {
		t.Helper()
		must(lab.Wait(ctx, "a ping in "+vpn, func() (bool, string, error) {
			pong, err := l.PE1.Sites[vpn].Host.Ping(ctx, l.PE2.Sites[vpn].Address, lab.Ping{Count: 1})
			return pong.Received == 1, pong.Output, err
		}))
	}
	for _, vpn := range l.VPNs {
		reach(vpn)
	}

	// The other VPN is not reached, though it has the same addresses: with its end of the link gone, nobody answers.
	must(l.PE2.Sites["blue"].Host.IP("link set eth0 down"))
	if pong, err := l.PE1.Sites["blue"].Host.Ping(ctx, l.PE2.Sites["blue"].Address, lab.Ping{Count: 2}); err != nil || pong.Received != 0 {
		t.Errorf("blue was answered by somebody else: %v\n%s", err, pong.Output)
	}
	reach("red")

	// Nor is the provider's network.
	if pong, err := l.PE1.Sites["red"].Host.Ping(ctx, l.PE2.Address, lab.Ping{Count: 1}); err != nil || pong.Received != 0 {
		t.Errorf("a customer's host reaches the provider's network: %v\n%s", err, pong.Output)
	}

	must(l.PE1.NS.IP("link delete red"))
	must(lab.Wait(ctx, "red's VRF to be made anew", func() (bool, string, error) {
		names, err := l.PE1.NS.Interfaces()
		return slices.Contains(names, "red") && slices.Contains(names, "vl-red"), fmt.Sprint(names), err
	}))
	must(l.PE1.NS.IP("link set cust-red master red"))
	up()
	reach("red")

	for _, pe := range l.PEs() {
		must(pe.Daemon.Stop(ctx))
		names, err := pe.NS.Interfaces()
		must(err)
		for _, gone := range []string{"red", "blue", "vl-red", "vl-blue"} {
			if slices.Contains(names, gone) {
				t.Errorf("%s is left behind at %s: %q", gone, pe.Name, names)
			}
		}
	}
}

// attach joins a customer's host to its VRF.
func attach(pe *lab.PE, vpn string) error {
	s := pe.Sites[vpn]
	if err := s.Host.IP(fmt.Sprintf("link add eth0 type veth peer name cust-%s netns %s", vpn, pe.NS)); err != nil {
		return err
	}
	if err := pe.NS.IP(
		fmt.Sprintf("link set cust-%s master %[1]s up", vpn),
		fmt.Sprintf("addr add %s/%d dev cust-%s", s.Router, s.Subnet.Bits(), vpn),
	); err != nil {
		return err
	}
	return s.Host.IP(
		"link set eth0 up",
		fmt.Sprintf("addr add %s/%d dev eth0", s.Address, s.Subnet.Bits()),
		fmt.Sprintf("route add default via %s", s.Router),
	)
}

// binaries is the environment variable with the directory of our programs.
const binaries = "L2TPVL_BIN"

// build makes our programs on the host, where it takes less time, before the machine is started.
func build() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "l2tpvl-bin-")
	if err != nil {
		return nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	if err := os.Setenv("CGO_ENABLED", "0"); err != nil {
		return remove, err
	}
	return remove, errors.Join(lab.Build(dir), os.Setenv(binaries, filepath.Clean(dir)))
}
