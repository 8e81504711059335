package links

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

const (
	testTimeout = 2 * time.Minute  // of one test as a whole
	waitTimeout = 40 * time.Second // of one thing that a test waits for
)

// world is a lab whose daemons have one way to carry links. What fails in it ends the test; at the
// end the lab is removed.
type world struct {
	testing.TB
	*lab.Lab
	variant
	ctx   context.Context
	found bool // the daemons have not made the virtual routers, but found them
}

// variant is how links are carried.
type variant struct {
	planes        [2]string // what the configurations of PE1 and PE2 say
	vrfs          bool      // the virtual routers are VRFs, not namespaces
	overIPv6      bool      // the peers have IPv6 addresses
	encapsulation string    // empty: what there is without the key
	sequencing    string    // what PE1 alone asks for; empty: what there is without the key
}

func newWorld(t *testing.T, v variant) *world {
	t.Helper()
	l, err := lab.New(lab.Options{Bin: vm.Programs()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	w := &world{TB: t, Lab: l, variant: v, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		w.finish()
	})
	for _, pe := range w.PEs() {
		if v.vrfs { // whether packets are forwarded is the host's to say there
			w.must(pe.Forward())
		}
		w.must(pe.Start(ctx, w.config(pe)))
	}
	w.waitUp(time.Time{}, w.VPNs...)
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

// finish removes the lab, after a failure with the last words of the daemons.
func (w *world) finish() {
	for _, pe := range w.PEs() {
		if log, err := os.ReadFile(pe.LogFile()); w.Failed() && err == nil {
			w.Logf("log of %s:\n%s", pe.Name, log)
		}
	}
	if err := w.Close(); err != nil {
		w.Error(err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// wait waits for something, looking again and again.
func (w *world) wait(what string, look func() (done bool, seen string, err error)) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, waitTimeout)
	defer cancel()
	w.must(lab.Wait(ctx, what, look))
}

// attach joins a customer's host to its virtual router.
func (w *world) attach(pe *lab.PE, vpn string) {
	w.Helper()
	if w.vrfs {
		w.must(pe.AttachVRF(vpn))
	} else {
		w.must(pe.Sites[vpn].Attach())
	}
}

// router is where the interfaces of a VPN are.
func (w *world) router(pe *lab.PE, vpn string) lab.Namespace {
	if w.vrfs {
		return pe.NS
	}
	return pe.Sites[vpn].VR
}

// link is a VPN's link as a PE's daemon tells.
func (w *world) link(pe *lab.PE, vpn string) api.Link {
	w.Helper()
	links, err := pe.Client().Links(w.ctx)
	w.must(err)
	i := slices.IndexFunc(links, func(l api.Link) bool { return l.VPN == vpn })
	if i < 0 {
		w.Fatalf("%s tells of no link of %s", pe.Name, vpn)
	}
	return links[i]
}

// waitUp waits until links are up at both ends and carry both protocols, and have come up after
// that time.
func (w *world) waitUp(after time.Time, vpns ...string) {
	w.Helper()
	for _, pe := range w.PEs() {
		for _, vpn := range vpns {
			w.wait(fmt.Sprintf("%s's link of %s to be up", pe.Name, vpn), func() (bool, string, error) {
				l := w.link(pe, vpn)
				return l.State == api.LinkUp && l.Since.After(after) && slices.Equal(l.Protocols, []string{"ipv4", "ipv6"}), asJSON(l), nil
			})
		}
	}
}

// waitPing waits until a ping passes from host to host.
func (w *world) waitPing(vpns ...string) {
	w.Helper()
	for _, vpn := range vpns {
		w.wait("a ping in "+vpn, func() (bool, string, error) {
			pong, err := w.PE1.Sites[vpn].Host.Ping(w.ctx, w.PE2.Sites[vpn].Address, lab.Ping{Count: 1})
			return pong.Received == 1, pong.Output, err
		})
	}
}

// l2tp is what ip(8) shows of the kernel's tunnels, or sessions, of a PE: a line for each that
// begins without a space.
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

// stop has both daemons end, and sees that nothing of theirs is left.
func (w *world) stop() {
	w.Helper()
	for _, pe := range w.PEs() {
		w.must(pe.Daemon.Stop(w.ctx))
	}
	for _, pe := range w.PEs() {
		for _, what := range []string{"tunnel", "session"} {
			if left := w.l2tp(pe, what); len(left) > 0 {
				w.Errorf("%s has left in the kernel: %q", pe.Name, left)
			}
		}
		names, err := pe.NS.Interfaces()
		w.must(err)
		for _, name := range names {
			if name != "lo" && name != lab.ProviderInterface && !strings.HasPrefix(name, "cust-") {
				w.Errorf("%s has left interface %s", pe.Name, name)
			}
		}
		for _, vpn := range w.VPNs {
			vr := pe.Sites[vpn].VR
			if vr.Exists() != w.found {
				w.Errorf("%s: namespace %s is there at the end: %v, want %v", pe.Name, vr, vr.Exists(), w.found)
				continue
			}
			if !w.found {
				continue
			}
			names, err := vr.Interfaces()
			w.must(err)
			if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "vl-") }) {
				w.Errorf("%s has left interfaces in %s: %q", pe.Name, vr, names)
			}
		}
	}
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
