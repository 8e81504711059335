package pppol2tp

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// staticRig is PE1 of a lab with its daemon, and ql2tpd in place of PE2, with pppds on its
// sessions.
type staticRig struct {
	testing.TB
	*lab.Lab
	ctx    context.Context
	config string // of ql2tpd
	ql2tpd *exec.Cmd
	output *transcript // of ql2tpd
	pppd   map[string]*pppd
}

// The IDs at both ends. Sessions have consecutive IDs from these, in the order of the VPNs.
const (
	tunnelHere, tunnelThere   = 3001, 4001
	sessionHere, sessionThere = 11, 22
)

// newStaticRig starts the daemon of PE1 with static links, and a peer with the matching
// configuration.
func newStaticRig(t *testing.T, plane, encapsulation string) *staticRig {
	t.Helper()
	l, err := lab.New(lab.Options{Bin: vm.Programs()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	r := &staticRig{TB: t, Lab: l, ctx: ctx, pppd: map[string]*pppd{}, config: filepath.Join(l.Dir, "ql2tpd.toml")}
	t.Cleanup(func() {
		cancel()
		r.finish()
	})
	c := r.PE1.Config().Quick()
	c.DataPlane = plane
	peer := lab.Peer{
		Address: r.PE2.Address.String(), Encapsulation: encapsulation, Signalling: "static",
		Static: lab.Static{LocalTunnelID: tunnelHere, PeerTunnelID: tunnelThere},
	}
	if encapsulation == "udp" {
		peer.Port, peer.Static.LocalPort = 5002, 5001
	}
	c.Peers = map[string]lab.Peer{r.PE2.Name: peer}
	toml := fmt.Sprintf("[tunnel.static]\nversion = \"l2tpv3\"\nencap = %q\nlocal = \"%s:5002\"\npeer = \"%s:5001\"\ntid = %d\nptid = %d\n",
		encapsulation, r.PE2.Address, r.PE1.Address, tunnelThere, tunnelHere)
	for i, name := range r.VPNs {
		vpn := c.VPNs[name]
		vpn.Echo = lab.Echo{Interval: "2s", Fails: 3}
		vpn.Links[0].Address = linkAddress(i, 0).String() + "/31"
		// ql2tpd can send a cookie, but cannot check a received one.
		vpn.Links[0].Static = lab.Static{LocalSessionID: sessionHere + i, PeerSessionID: sessionThere + i, LocalCookie: "5ca1ab1e"}
		c.VPNs[name] = vpn
		toml += fmt.Sprintf("[tunnel.static.session.%s]\npseudowire = \"ppp\"\nsid = %d\npsid = %d\ncookie = [0x5c, 0xa1, 0xab, 0x1e]\n",
			name, sessionThere+i, sessionHere+i)
	}
	r.must(os.WriteFile(r.config, []byte(toml), 0o600))
	r.must(r.PE1.Start(ctx, c))
	r.startPeer()
	r.waitUp(time.Time{})
	return r
}

// startPeer starts ql2tpd, and a pppd for each of its sessions.
func (r *staticRig) startPeer() {
	r.Helper()
	r.ql2tpd = r.PE2.NS.Command(context.Background(), filepath.Join(vm.Programs(), "ql2tpd"), "-config", r.config)
	r.output = new(transcript)
	r.ql2tpd.Stdout, r.ql2tpd.Stderr = r.output, r.output
	r.must(r.ql2tpd.Start())
	// The sockets are connected only then: otherwise the kernel would create the session for the
	// socket, without a cookie.
	r.must(lab.Wait(r.ctx, "the sessions of ql2tpd", func() (bool, string, error) {
		output := r.output.String()
		return strings.Count(output, "new static session") == len(r.VPNs), output, nil
	}))
	for i, name := range r.VPNs {
		var socket *os.File
		r.must(r.PE2.NS.Do(func() (err error) {
			socket, err = connect(tunnelThere, uint32(sessionThere+i), tunnelHere, uint32(sessionHere+i))
			return err
		}))
		var err error
		r.pppd[name], err = startPPPD(r.PE2.NS, socket, "unit", fmt.Sprint(i),
			fmt.Sprintf("%s:%s", linkAddress(i, 1), linkAddress(i, 0)), "ipv6", fmt.Sprintf("::%d,", i+1), "lcp-max-configure", "100")
		r.must(err)
	}
}

// killPeer kills ql2tpd and all pppds. The kernel ends the tunnel with its socket.
func (r *staticRig) killPeer() {
	r.Helper()
	_ = r.ql2tpd.Process.Kill() // it may have ended by itself
	_ = r.ql2tpd.Wait()
	for _, p := range r.pppd {
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// revivePeer restarts the peer if it has given up. go-l2tp v0.1.8 treats an ICMP error as the end
// of a tunnel, and Linux from 6.11 on reports these errors to it.
func (r *staticRig) revivePeer() {
	r.Helper()
	if strings.Contains(r.output.String(), "transport down") {
		r.killPeer()
		r.startPeer()
	}
}

func (r *staticRig) finish() {
	if r.Failed() {
		if log, err := os.ReadFile(r.PE1.LogFile()); err == nil {
			r.Logf("log of PE1:\n%s", log)
		}
		r.Logf("ql2tpd:\n%s", r.output)
		for name, p := range r.pppd {
			r.Logf("pppd of %s:\n%s", name, &p.log)
		}
	}
	if r.ql2tpd != nil {
		r.killPeer()
	}
	if err := r.Close(); err != nil {
		r.Error(err)
	}
}

func (r *staticRig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *staticRig) waitUp(after time.Time) {
	r.Helper()
	for _, name := range r.VPNs {
		r.must(r.PE1.WaitUp(r.ctx, name, after))
	}
}

// carries checks that user packets pass in each VPN: a ping, and a TCP transfer to the far end of
// the link.
func (r *staticRig) carries() {
	r.Helper()
	for i, name := range r.VPNs {
		here := &lab.Site{Host: r.PE1.Sites[name].VR, Address: linkAddress(i, 0)}
		there := &lab.Site{Host: r.PE2.NS, Address: linkAddress(i, 1)}
		l, err := r.PE1.Link(r.ctx, name)
		r.must(err)
		pong, err := here.Host.Ping(r.ctx, there.Address, lab.Ping{Count: 1, Size: l.MTU, DontFragment: true})
		r.must(err)
		if pong.Received != 1 {
			r.Errorf("%s: no reply to a ping of %d octets:\n%s", name, l.MTU, pong.Output)
		}
		got, err := here.Transfer(r.ctx, there, 1<<19)
		r.must(err)
		if !got.Intact() {
			r.Errorf("%s: sent data with SHA-256 %x, received %x", name, got.Sent, got.Received)
		}
	}
}

// Links to ql2tpd, which has no control protocol, come up and carry packets. They recover when the
// peer or the daemon is killed and started again.
func TestStatic(t *testing.T) {
	for _, tt := range []struct{ plane, encapsulation, kernel string }{
		{"kernel", "udp", "Peer tunnel 4001"},
		{"userspace", "ip", ""},
	} {
		t.Run(tt.plane+" over "+tt.encapsulation, func(t *testing.T) {
			r := newStaticRig(t, tt.plane, tt.encapsulation)
			r.carries()
			out, err := exec.Command("ip", "-n", string(r.PE1.NS), "l2tp", "show", "session").CombinedOutput()
			if err != nil || strings.Contains(string(out), "Peer session 23, tunnel 4001") != (tt.kernel != "") {
				t.Errorf("the kernel's sessions of PE1: %v\n%s", err, out)
			}
			text, err := r.PE1.Ctl(r.ctx, "explain", "red", r.PE2.Name)
			if err != nil || !strings.Contains(text, "signalling: static") || !strings.Contains(text, "static, 0x0000000b ⇄ 0x00000016") {
				t.Errorf("explain of red at PE1: %v\n%s", err, text)
			}

			start := time.Now()
			r.killPeer()
			for _, name := range r.VPNs {
				r.must(r.PE1.WaitNotUp(r.ctx, name))
			}
			r.startPeer()
			r.waitUp(start)
			r.carries()

			start = time.Now()
			r.must(r.PE1.Daemon.Kill())
			r.must(r.PE1.Restart(r.ctx)) // with the same IDs
			r.revivePeer()
			r.waitUp(start)
			r.carries()
			r.must(r.PE1.Daemon.Stop(r.ctx))
		})
	}
}

// go-l2tp v0.1.8 configures the kernel with the cookie to expect in place of the cookie to send. If
// this test fails, the bug is fixed, and go-l2tp could create sessions in the kernel for l2tpvld.
func TestCookiesOfGoL2TP(t *testing.T) {
	l, err := lab.New(lab.Options{Bin: vm.Programs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	config := filepath.Join(l.Dir, "ql2tpd.toml")
	err = os.WriteFile(config, []byte(fmt.Sprintf(`
[tunnel.static]
version = "l2tpv3"
encap = "udp"
local = "%s"
peer = "%s"
tid = 1
ptid = 2
[tunnel.static.session.one]
pseudowire = "ppp"
sid = 11
psid = 22
cookie = [0x11, 0x11, 0x11, 0x11]
peer_cookie = [0x22, 0x22, 0x22, 0x22]
`, netip.AddrPortFrom(l.PE2.Address, 5002), netip.AddrPortFrom(l.PE1.Address, 5001))), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ql2tpd := l.PE2.NS.Command(ctx, filepath.Join(vm.Programs(), "ql2tpd"), "-config", config)
	ql2tpd.Stderr = &output
	if err := ql2tpd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = ql2tpd.Process.Kill()
		_ = ql2tpd.Wait() // it was killed
	}()
	err = lab.Wait(ctx, "the session of ql2tpd", func() (bool, string, error) {
		out, err := l.PE2.NS.Command(ctx, "ip", "l2tp", "show", "session").CombinedOutput()
		text := string(out)
		if strings.Contains(text, "11111111") || strings.Contains(text, "peer cookie") {
			return false, "", fmt.Errorf("both cookies are configured: %s", text)
		}
		return strings.Contains(text, "cookie 22222222"), text, err
	})
	if err != nil {
		t.Errorf("%v\nql2tpd: %s", err, &output)
	}
}
