package links

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
)

// ids are the IDs in the output of ip(8): "Tunnel 1, encap UDP", "Session 3 in tunnel 1".
var ids = regexp.MustCompile(`[0-9]+`)

// After another process has deleted an interface, session, tunnel or virtual router in the kernel,
// the daemon brings the links up again.
func TestHeals(t *testing.T) {
	w := newWorld(t, variant{planes: bothKernel})
	red := w.PE1.Sites["red"]
	w.heals("an interface deleted", []string{"red"}, func() {
		w.Must(red.VR.IP("link delete " + w.Link(w.PE1, "red").Interface))
	})
	w.heals("all L2TP sessions deleted", w.VPNs, func() {
		for _, session := range w.l2tp(w.PE1, "session") {
			id := ids.FindAllString(session, 2)
			w.Must(w.PE1.NS.IP(fmt.Sprintf("l2tp del session session_id %s tunnel_id %s", id[0], id[1])))
		}
	})
	w.heals("the L2TP tunnel deleted", w.VPNs, func() {
		w.Must(w.PE1.NS.IP("l2tp del tunnel tunnel_id " + ids.FindString(w.l2tp(w.PE1, "tunnel")[0])))
	})
	w.heals("a namespace deleted", []string{"red"}, func() {
		before := time.Now()
		w.Must(red.VR.Delete())
		w.Wait("the host's interface to the old namespace to disappear", func() (bool, string, error) {
			names, err := red.Host.Interfaces()
			return err == nil && !slices.Contains(names, "eth0"), labtest.AsJSON(names), err
		})
		w.WaitUp(before, "red")
		w.attach(w.PE1, "red")
	})
	w.stop()
}

// The daemon restores a VRF that is deleted, with its links.
func TestVRFHeals(t *testing.T) {
	w := newWorld(t, variant{planes: bothKernel, vrfs: true})
	w.heals("a VRF deleted", []string{"red"}, func() {
		before := time.Now()
		w.Must(w.PE1.NS.IP("link delete red"))
		w.WaitUp(before, "red")
		w.Must(w.PE1.NS.IP(fmt.Sprintf("link set %s master red", lab.CustomerInterface("red"))))
	})
	w.stop()
}

// A daemon is killed and another one started at once, while the kernel still removes the tunnel,
// sessions and interfaces of the first. The second brings up all links, under the same names.
func TestKilledAndRestarted(t *testing.T) {
	// Over IP the peer's kernel still has the old tunnel, and so the socket to it, when the new
	// daemon's first messages arrive.
	for _, encapsulation := range []string{"udp", "ip"} {
		t.Run(encapsulation, func(t *testing.T) {
			w := newWorld(t, variant{planes: bothKernel, encapsulation: encapsulation})
			for _, pe := range w.PEs() {
				w.heals(pe.Name+" killed", w.VPNs, func() {
					w.Must(pe.Daemon.Kill())
					w.Must(pe.Restart(w.Ctx))
				})
			}
			w.found = true // the second daemons have found the namespaces of the first
			w.stop()
		})
	}
}

// heals calls disrupt and checks that the links of these VPNs, and of no other, go down and come up
// again, and that pings pass in all VPNs afterwards.
func (w *world) heals(what string, vpns []string, disrupt func()) {
	w.Helper()
	w.waitPing(w.VPNs...)
	start := time.Now()
	disrupt()
	w.WaitUp(start, vpns...)
	w.waitPing(w.VPNs...)
	w.Logf("%s: healed within %s", what, time.Since(start).Round(10*time.Millisecond))
	for _, pe := range w.PEs() {
		for _, vpn := range w.VPNs {
			if l := w.Link(pe, vpn); l.Since.After(start) != slices.Contains(vpns, vpn) {
				w.Errorf("%s: %s's link of %s is up since %s; %s happened at %s", what, pe.Name, vpn, l.Since, what, start)
			}
		}
	}
}
