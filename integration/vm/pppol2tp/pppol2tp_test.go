package pppol2tp

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/endid"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
	"github.com/l2tpvl/l2tpvl/l2tp"
	"github.com/l2tpvl/l2tpvl/l2tp/control"
)

const patience = 2 * time.Minute // time limit of a test

// rig is PE1 of a lab with its daemon, and a far end in place of PE2.
type rig struct {
	testing.TB
	*lab.Lab
	ctx  context.Context
	far  *farEnd
	line map[string]*line // by the VPN's name
}

// linkAddress returns the address of an end of a VPN's link. The addresses are unique, because all
// pppds run in one namespace.
func linkAddress(vpn, end int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 255, byte(vpn), byte(end)})
}

func newRig(t *testing.T, plane string, role control.Role) *rig {
	t.Helper()
	l, err := lab.New(lab.Options{Bin: vm.Programs()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	r := &rig{TB: t, Lab: l, ctx: ctx, line: map[string]*line{}}
	t.Cleanup(func() {
		cancel()
		r.finish()
	})
	c := r.PE1.Config().Quick()
	c.DataPlane = plane
	lines := map[endid.VPNID]*line{}
	for i, name := range r.VPNs {
		vpn := c.VPNs[name]
		vpn.Echo = lab.Echo{Interval: "2s", Fails: 3}
		vpn.Links[0].Address = linkAddress(i, 0).String() + "/31"
		c.VPNs[name] = vpn
		id, err := endid.Parse(vpn.VPNID)
		r.must(err)
		r.line[name] = &line{options: []string{
			"unit", fmt.Sprint(i), fmt.Sprintf("%s:%s", linkAddress(i, 1), linkAddress(i, 0)), "ipv6", fmt.Sprintf("::%d,", i+1),
		}}
		lines[id] = r.line[name]
	}
	secret, err := os.ReadFile(l.SecretFile())
	r.must(err)
	r.far, err = newFarEnd(r.PE2, bytes.TrimSpace(secret), role, lines)
	r.must(err)
	r.must(r.PE1.Start(ctx, c))
	for _, name := range r.VPNs {
		r.must(r.PE1.WaitUp(ctx, name, time.Time{}))
	}
	return r
}

// finish removes the lab. After a failure it logs the output of all programs.
func (r *rig) finish() {
	if r.far != nil {
		if err := r.far.close(); err != nil {
			r.Error(err)
		}
	}
	if log, err := os.ReadFile(r.PE1.LogFile()); r.Failed() && err == nil {
		r.Logf("log of PE1:\n%s", log)
	}
	for name, l := range r.line {
		if r.Failed() && l.pppd != nil {
			r.Logf("pppd of %s:\n%s", name, &l.pppd.log)
		}
	}
	if err := r.Close(); err != nil {
		r.Error(err)
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// pppd returns the current pppd of a VPN.
func (r *rig) pppd(vpn string) (p *pppd) {
	r.far.do(func(time.Time) { p = r.line[vpn].pppd })
	return p
}

// awaitLog waits for words in the log of a VPN's pppd.
func (r *rig) awaitLog(vpn string, words string) {
	r.Helper()
	p := r.pppd(vpn)
	r.must(lab.Wait(r.ctx, fmt.Sprintf("%[2]q in the log of pppd of %[1]s", vpn, words), func() (bool, string, error) {
		log := p.log.String()
		return strings.Contains(log, words), log, nil
	}))
}

// ping checks that packets up to the MTU pass in both directions.
func (r *rig) ping(vpn string, l api.Link) {
	r.Helper()
	for _, p := range []struct {
		from lab.Namespace
		to   string
	}{
		{r.PE1.Sites[vpn].VR, l.Remote},
		{r.PE1.Sites[vpn].VR, l.Remote6 + "%" + l.Interface},
		{r.PE2.NS, l.Local},
		{r.PE2.NS, l.Local6 + "%" + r.device(vpn)},
	} {
		to := netip.MustParseAddr(p.to)
		for _, size := range []int{100, l.MTU} {
			if to.Is6() {
				size -= 20 // the header is 20 octets longer
			}
			pong, err := p.from.Ping(r.ctx, to, lab.Ping{Count: 1, Size: size, DontFragment: true})
			r.must(err)
			if pong.Received != 1 {
				r.Errorf("%s: ping of %d octets from %s to %s:\n%s", vpn, size, p.from, to, pong.Output)
			}
		}
	}
}

// spelled returns a link-local address as pppd writes it.
func spelled(address string) string {
	whole := netip.MustParseAddr(address).StringExpanded()
	return "fe80::" + whole[len(whole)/2+1:]
}

// device returns the name of pppd's interface.
func (r *rig) device(vpn string) string { return "ppp" + r.line[vpn].options[1] }

// Two sessions on one control connection come up with pppd at the far end, over both data planes,
// and requested by either end. Both ends have the values that LCP, IPCP and IPV6CP have negotiated.
func TestPPPD(t *testing.T) {
	for _, tt := range []struct {
		plane string
		far   control.Role
	}{
		{"kernel", control.Passive},
		{"userspace", control.Active},
	} {
		t.Run(tt.plane, func(t *testing.T) {
			r := newRig(t, tt.plane, tt.far)
			for i, name := range r.VPNs {
				l, err := r.PE1.Link(r.ctx, name)
				r.must(err)
				local, remote := linkAddress(i, 0).String(), linkAddress(i, 1).String()
				if l.Local != local || l.Remote != remote || l.Remote6 != fmt.Sprintf("fe80::%d", i+1) || l.MTU != 1452 {
					t.Errorf("%s: %+v; want %s to %s, fe80::%d, MTU 1452", name, l, local, remote, i+1)
				}
				for _, words := range []string{
					"local  IP address " + remote, "remote IP address " + local,
					"local  LL address " + spelled(l.Remote6), "remote LL address " + spelled(l.Local6),
					"rcvd [LCP ConfReq id=0x1 <mru 1452>",
				} {
					r.awaitLog(name, words)
				}
				r.ping(name, l)
			}
			r.must(r.PE1.Daemon.Stop(r.ctx))
			for _, name := range r.VPNs { // the far end was notified of the end of its session
				r.awaitEnd(r.pppd(name))
			}
		})
	}
}

// When pppd ends, only its link goes down, with the right reason. The link comes up again with the
// next pppd.
func TestPPPDEnds(t *testing.T) {
	r := newRig(t, "kernel", control.Passive)
	blue, err := r.PE1.Link(r.ctx, "blue")
	r.must(err)
	for _, tt := range []struct {
		name   string
		signal syscall.Signal
		cdn    bool // the far end sends PE1 a CDN
		reason string
	}{
		{"terminated", syscall.SIGTERM, false, "the peer sent Terminate-Request: User request"},
		{"killed", syscall.SIGKILL, false, "3 LCP echoes unanswered"},
		{"killed, with a CDN", syscall.SIGKILL, true, "ended by pe2: session disconnected due to loss of carrier"},
	} {
		start, red := time.Now(), r.pppd("red")
		r.far.do(func(time.Time) { r.line["red"].away = true })
		r.must(red.cmd.Process.Signal(tt.signal))
		if tt.cdn {
			r.far.do(func(now time.Time) {
				r.line["red"].session.Close(now, l2tp.Result{Code: uint16(l2tp.CDNLostCarrier)}, &r.far.out)
			})
		}
		r.awaitEnd(red)
		r.must(r.PE1.WaitNotUp(r.ctx, "red"))
		l, err := r.PE1.Link(r.ctx, "red")
		r.must(err)
		if !strings.Contains(l.Reason, tt.reason) {
			t.Errorf("%s: red is down because %q, want %q", tt.name, l.Reason, tt.reason)
		}
		r.far.back(r.line["red"])
		r.must(r.PE1.WaitUp(r.ctx, "red", start))
		l, err = r.PE1.Link(r.ctx, "red")
		r.must(err)
		r.ping("red", l)
	}
	if l, err := r.PE1.Link(r.ctx, "blue"); err != nil || !l.Since.Equal(blue.Since) {
		t.Errorf("blue: %+v, %v; want it up since %s", l, err, blue.Since)
	}
}

// awaitEnd waits for a pppd to end.
func (r *rig) awaitEnd(p *pppd) {
	r.Helper()
	select {
	case <-p.done:
	case <-r.ctx.Done():
		r.Fatal("pppd did not end")
	}
}
