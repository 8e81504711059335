package integration

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// traffic makes the host of a VPN behind PE1 send numbered datagrams, which the host behind PE2
// echoes, until stop is called. stop fails the test if an echo is missing.
func (r *rig) traffic(vpn string) (stop func()) {
	r.Helper()
	const port = 7000
	here, there := r.PE1.Sites[vpn], r.PE2.Sites[vpn]
	var echo, conn *net.UDPConn
	r.must(there.Host.Do(func() (err error) {
		echo, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		return err
	}))
	r.must(here.Host.Do(func() (err error) {
		conn, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: there.Address.AsSlice(), Port: port})
		return err
	}))
	var echoed sync.Map // the numbers of the datagrams received
	var count atomic.Int64
	var working sync.WaitGroup
	working.Go(func() {
		datagram := make([]byte, 8)
		for {
			n, from, err := echo.ReadFromUDPAddrPort(datagram)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = echo.WriteToUDPAddrPort(datagram[:n], from)
			}
		}
	})
	working.Go(func() {
		datagram := make([]byte, 8)
		for {
			_, err := conn.Read(datagram)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if _, twice := echoed.LoadOrStore(binary.BigEndian.Uint64(datagram), true); err == nil && !twice {
				count.Add(1)
			}
		}
	})
	ctx, cancel := context.WithCancel(r.ctx)
	var sending sync.WaitGroup
	var sent uint64
	sending.Go(func() {
		for tick := time.NewTicker(5 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			sent++
			if _, err := conn.Write(binary.BigEndian.AppendUint64(nil, sent)); err != nil {
				r.Errorf("datagram %d in %s: %v", sent, vpn, err)
			}
		}
	})
	return func() {
		r.Helper()
		cancel()
		sending.Wait()
		err := lab.Wait(r.ctx, "echoes of all datagrams", func() (bool, string, error) { return count.Load() == int64(sent), "", nil })
		if sent == 0 || err != nil {
			for n := range sent {
				if _, received := echoed.Load(n + 1); !received {
					r.Errorf("datagram %d of %d in %s: no echo received", n+1, sent, vpn)
				}
			}
		}
		_, _ = conn.Close(), echo.Close()
		working.Wait()
	}
}

// Red is changed in place, restarted, removed, added, disabled and reset, by apply, reload and
// SIGHUP, while there is traffic in blue. No packet of blue is lost, and its link stays up.
func TestChangesToOneVPNDoNotAffectAnother(t *testing.T) {
	r := newRig(t, existingVRs)
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
					r.Errorf("%s of %s does not print %q:\n%s", command, file, word, out)
				}
			}
		}
		if out := ctl(r.PE1, "apply", file); !strings.Contains(out, "no changes") {
			r.Errorf("apply of %s for the second time: want no changes, got\n%s", file, out)
		}
	}

	since := r.link(r.PE1, "red").Since
	apply(other("routes", func(v *lab.VPN) { v.Links[0].Routes = append(v.Links[0].Routes, "10.77.0.0/16") }),
		"stays up", "10.77.0.0/16", "1 link unchanged")
	r.wait("the route", func() (bool, string, error) {
		out, err := r.PE1.Sites["red"].VR.Command(r.ctx, "ip", "route", "show", "10.77.0.0/16").Output()
		return strings.Contains(string(out), "10.77.0.0/16"), string(out), err
	})
	if now := r.link(r.PE1, "red"); !isUp(now) || now.Since != since {
		t.Errorf("red did not stay up: %s", asJSON(now))
	}

	apply(other("interface", func(v *lab.VPN) { v.Links[0].Interface = "vl-other" }), "goes down, then comes up again", "vl-other")
	r.waitUp("red")
	if now := r.link(r.PE1, "red"); now.Interface != "vl-other" {
		t.Errorf("the interface is %s, want vl-other", now.Interface)
	}
	r.waitPings("red")

	apply(other("without", nil), "remove", "goes down")
	r.waitDown(r.PE2, "red")

	// An invalid file changes nothing. A reload then restores the daemon's own file.
	bad := other("bad", func(v *lab.VPN) { v.VPNID = "nonsense" })
	if out, err := r.PE1.Ctl(r.ctx, "apply", bad); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("apply of an invalid file: got %s, %v; want an error that names nonsense", out, err)
	}
	if out := ctl(r.PE1, "reload"); !strings.Contains(out, "comes up") {
		t.Errorf("reload does not print that red comes up:\n%s", out)
	}
	r.waitUp("red")
	r.waitPings("red")
	r.reload(r.PE1, r.PE1.Config().Quick(), "configuration unchanged")

	ctl(r.PE1, "down", "red", "pe2")
	r.waitDown(r.PE2, "red")
	ctl(r.PE1, "reload")
	if now := r.link(r.PE1, "red"); isUp(now) || !now.Disabled {
		t.Errorf("red is not disabled after a reload: %s", asJSON(now))
	}
	ctl(r.PE1, "up", "red", "pe2")
	r.waitUp("red")
	ctl(r.PE2, "reset", "red", "pe1")
	r.waitUp("red")
	r.waitPings("red")

	stop()
	for _, pe := range r.PEs() {
		if now := r.link(pe, "blue"); !isUp(now) || now.Since != blue[pe.Name].Since || now.Interface != blue[pe.Name].Interface {
			t.Errorf("blue at %s has changed: %s", pe.Name, asJSON(now))
		}
	}
}
