package integration

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// traffic has hosts of a VPN ping each other until stop, which fails the test if one ping was lost. There are many in a row, as
// ping waits for the answer to its last one no longer than the others took.
func (r *rig) traffic(vpn string) (stop func()) {
	ctx, cancel := context.WithCancel(r.ctx)
	var running sync.WaitGroup
	var sent, received int
	running.Go(func() {
		for ctx.Err() == nil {
			pong, err := r.PE1.Sites[vpn].Host.Ping(r.ctx, r.PE2.Sites[vpn].Address, lab.Ping{Count: 100})
			if err != nil {
				r.Error(err)
				return
			}
			sent, received = sent+pong.Sent, received+pong.Received
		}
	})
	return func() {
		r.Helper()
		cancel()
		running.Wait()
		if sent == 0 || received != sent {
			r.Errorf("%d of %d pings in %s were answered", received, sent, vpn)
		}
	}
}

// With traffic in blue all the time red is changed in place, restarted, removed, added, disabled and reset, by apply, reload and
// SIGHUP. Not one packet of blue is lost, and its link stays the same.
func TestChangesOfOneVPNAreNoConcernOfAnother(t *testing.T) {
	r := newRig(t, found)
	r.startBoth()
	r.waitPings("red")
	r.waitPings("blue")
	blue := map[string]api.Link{}
	for _, pe := range r.PEs() {
		blue[pe.Name] = r.link(pe, "blue")
	}
	stop := r.traffic("blue")

	ctl := func(pe *lab.PE, args ...string) string {
		r.Helper()
		out, err := pe.Ctl(r.ctx, args...)
		r.must(err)
		return out
	}
	other := func(name string, change func(*lab.VPN)) (file string) {
		r.Helper()
		c := onUserspace(r.PE1.Config().Quick())
		if red := c.VPNs["red"]; change == nil {
			delete(c.VPNs, "red")
		} else {
			change(&red)
			c.VPNs["red"] = red
		}
		text, err := c.YAML()
		r.must(err)
		file = filepath.Join(r.Dir, name+".yaml")
		r.must(os.WriteFile(file, text, 0o600))
		return file
	}
	apply := func(file string, words ...string) {
		r.Helper()
		for _, command := range []string{"plan", "apply"} {
			out := ctl(r.PE1, command, file)
			for _, word := range words {
				if !strings.Contains(out, word) {
					r.Errorf("%s of %s says nothing of %q:\n%s", command, file, word, out)
				}
			}
		}
		if out := ctl(r.PE1, "apply", file); !strings.Contains(out, "nothing to change") {
			r.Errorf("applied once more, %s changes:\n%s", file, out)
		}
	}

	since := r.link(r.PE1, "red").Since
	apply(other("routes", func(v *lab.VPN) { v.Links[0].Routes = append(v.Links[0].Routes, "10.77.0.0/16") }),
		"stays up", "10.77.0.0/16", "1 link not touched")
	r.wait("the route", func() (bool, string, error) {
		out, err := r.PE1.Sites["red"].VR.Command(r.ctx, "ip", "route", "show", "10.77.0.0/16").Output()
		return strings.Contains(string(out), "10.77.0.0/16"), string(out), err
	})
	if now := r.link(r.PE1, "red"); !isUp(now) || now.Since != since {
		t.Errorf("red did not stay up: %s", asJSON(now))
	}

	apply(other("interface", func(v *lab.VPN) { v.Links[0].Interface = "vl-other" }), "goes down and comes up anew", "vl-other")
	r.waitUp("red")
	if now := r.link(r.PE1, "red"); now.Interface != "vl-other" {
		t.Errorf("the interface is %s", now.Interface)
	}
	r.waitPings("red")

	apply(other("without", nil), "remove", "goes down")
	r.waitDown(r.PE2, "red")

	// A file with mistakes changes nothing, and the daemon's own is what counts from now on.
	bad := other("bad", func(v *lab.VPN) { v.VPNID = "nonsense" })
	if out, err := r.PE1.Ctl(r.ctx, "apply", bad); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a bad file is taken: %s, %v", out, err)
	}
	if out := ctl(r.PE1, "reload"); !strings.Contains(out, "comes up") {
		t.Errorf("reload says:\n%s", out)
	}
	r.waitUp("red")
	r.waitPings("red")
	r.reload(r.PE1, r.PE1.Config().Quick(), "nothing to change")

	ctl(r.PE1, "down", "red", "pe2")
	r.waitDown(r.PE2, "red")
	ctl(r.PE1, "reload")
	if now := r.link(r.PE1, "red"); isUp(now) || !now.Disabled {
		t.Errorf("a reload has brought red up: %s", asJSON(now))
	}
	ctl(r.PE1, "up", "red", "pe2")
	r.waitUp("red")
	ctl(r.PE2, "reset", "red", "pe1")
	r.waitUp("red")
	r.waitPings("red")

	stop()
	for _, pe := range r.PEs() {
		if now := r.link(pe, "blue"); !isUp(now) || now.Since != blue[pe.Name].Since || now.Interface != blue[pe.Name].Interface {
			t.Errorf("blue of %s was touched: %s", pe.Name, asJSON(now))
		}
	}
}
