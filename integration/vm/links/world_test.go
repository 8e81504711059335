package links

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// world is a lab whose daemons carry links in one way.
type world struct {
	*labtest.Rig
	variant
	found bool // the virtual routers existed before the daemons
}

// variant is how links are carried.
type variant struct {
	planes        [2]string // "dataplane" of PE1 and PE2
	vrfs          bool      // the virtual routers are VRFs, not namespaces
	overIPv6      bool      // the peers have IPv6 addresses
	encapsulation string    // empty: the default
	sequencing    string    // of PE1 alone; empty: the default
}

// newWorld starts both daemons and waits until all links are up.
func newWorld(t *testing.T, v variant) *world {
	t.Helper()
	w := &world{variant: v, Rig: labtest.New(t, labtest.Options{
		Options:     lab.Options{Bin: vm.Programs()},
		TestTimeout: 2 * time.Minute, WaitTimeout: 40 * time.Second,
	})}
	for _, pe := range w.PEs() {
		if v.vrfs { // forwarding is then a setting of the PE's namespace
			w.Must(pe.Forward())
		}
		w.Must(pe.Start(w.Ctx, w.config(pe)))
	}
	w.WaitUp(time.Time{}, w.VPNs...)
	for _, pe := range w.PEs() {
		for _, vpn := range w.VPNs {
			w.attach(pe, vpn)
		}
	}
	return w
}

func (w *world) config(pe *lab.PE) lab.Config {
	c := pe.Config().Quick()
	c.DataPlane = w.planes[pe.Number-1]
	peer := c.Peers[pe.Peer.Name]
	peer.Encapsulation = w.encapsulation
	if w.overIPv6 {
		peer.Address = pe.Peer.Address6.String()
	}
	c.Peers[pe.Peer.Name] = peer
	if w.vrfs {
		w.UseVRFs(c)
	}
	for name, vpn := range c.VPNs {
		if pe == w.PE1 {
			vpn.Sequencing = w.sequencing
		}
		c.VPNs[name] = vpn
	}
	return c
}

// attach joins a customer's host to its virtual router.
func (w *world) attach(pe *lab.PE, vpn string) {
	w.Helper()
	if w.vrfs {
		w.Must(pe.AttachVRF(vpn))
	} else {
		w.Must(pe.Sites[vpn].Attach())
	}
}

// router is the namespace with the interfaces of a VPN.
func (w *world) router(pe *lab.PE, vpn string) lab.Namespace {
	if w.vrfs {
		return pe.NS
	}
	return pe.Sites[vpn].VR
}

// waitPing waits until a ping passes from host to host.
func (w *world) waitPing(vpns ...string) {
	w.Helper()
	for _, vpn := range vpns {
		w.Wait("a ping in "+vpn, func() (bool, string, error) {
			pong, err := w.PE1.Sites[vpn].Host.Ping(w.Ctx, w.PE2.Sites[vpn].Address, lab.Ping{Count: 1})
			return pong.Received == 1, pong.Output, err
		})
	}
}

// l2tp returns the tunnels, or sessions, of a PE in the kernel, each as ip(8) shows it. In the
// output, the first line of each begins without a space.
func (w *world) l2tp(pe *lab.PE, what string) []string {
	w.Helper()
	out, err := exec.Command("ip", "-n", string(pe.NS), "l2tp", "show", what).CombinedOutput()
	if err != nil {
		w.Fatalf("ip l2tp show %s: %v: %s", what, err, out)
	}
	var items []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, " ") {
			items[len(items)-1] += line
		} else {
			items = append(items, line)
		}
	}
	return items
}

// stop ends both daemons and checks that they leave nothing.
func (w *world) stop() {
	w.Helper()
	for _, pe := range w.PEs() {
		w.Must(pe.Daemon.Stop(w.Ctx))
	}
	for _, pe := range w.PEs() {
		for _, what := range []string{"tunnel", "session"} {
			if left := w.l2tp(pe, what); len(left) > 0 {
				w.Errorf("%s has left in the kernel: %q", pe.Name, left)
			}
		}
		names, err := pe.NS.Interfaces()
		w.Must(err)
		for _, name := range names {
			if name != "lo" && name != lab.ProviderInterface && !strings.HasPrefix(name, "cust-") {
				w.Errorf("%s has left interface %s", pe.Name, name)
			}
		}
		for _, vpn := range w.VPNs {
			vr := pe.Sites[vpn].VR
			if vr.Exists() != w.found {
				w.Errorf("%s: namespace %s exists at the end: %v, want %v", pe.Name, vr, vr.Exists(), w.found)
				continue
			}
			if !w.found {
				continue
			}
			names, err := vr.Interfaces()
			w.Must(err)
			if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "vl-") }) {
				w.Errorf("%s has left interfaces in %s: %q", pe.Name, vr, names)
			}
		}
	}
}
