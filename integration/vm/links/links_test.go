package links

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
)

// The demo's two VPNs, over every kind of data plane, virtual router, encapsulation and address.
// Links are up and reported so, hosts reach the hosts of their own VPN and no other, and the
// daemons leave nothing when they stop.
func TestLinks(t *testing.T) {
	ppp, tun := "ppp", "tun" // kinds of interfaces of the two data planes
	for _, tt := range []struct {
		name string
		variant
		mtu     int
		devices [2]string // of PE1 and PE2
	}{
		{"kernel, namespaces, UDP", variant{planes: [2]string{"kernel", "auto"}}, 1452, [2]string{ppp, ppp}},
		{"kernel, namespaces, UDP over IPv6", variant{planes: bothKernel, overIPv6: true}, 1432, [2]string{ppp, ppp}},
		{"kernel, namespaces, IP", variant{planes: [2]string{"auto", "kernel"}, encapsulation: "ip"}, 1464, [2]string{ppp, ppp}},
		{"kernel, namespaces, IPv6", variant{planes: bothKernel, encapsulation: "ip", overIPv6: true}, 1444, [2]string{ppp, ppp}},
		{"kernel, VRFs, UDP", variant{planes: bothKernel, vrfs: true}, 1452, [2]string{ppp, ppp}},
		{"kernel, VRFs, UDP over IPv6", variant{planes: bothKernel, vrfs: true, overIPv6: true}, 1432, [2]string{ppp, ppp}},
		{"kernel, VRFs, IP, sequence numbers", variant{planes: bothKernel, vrfs: true, encapsulation: "ip", sequencing: "all"}, 1460, [2]string{ppp, ppp}},
		{"kernel, VRFs, IPv6", variant{planes: bothKernel, vrfs: true, encapsulation: "ip", overIPv6: true}, 1444, [2]string{ppp, ppp}},

		{"kernel and userspace, UDP, sequence numbers", variant{planes: [2]string{"kernel", "userspace"}, sequencing: "all"}, 1448, [2]string{ppp, tun}},
		{"userspace and kernel, IP", variant{planes: [2]string{"userspace", "kernel"}, encapsulation: "ip"}, 1464, [2]string{tun, ppp}},
		{"auto, IPv6 peers", variant{planes: [2]string{"auto", "auto"}, overIPv6: true}, 1432, [2]string{tun, tun}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.variant)
			w.waitPing(w.VPNs...)
			for i, pe := range w.PEs() {
				w.checkKernel(pe, tt.devices[i])
				w.checkReports(pe, tt.devices[i], tt.mtu)
			}
			w.checkTransfers()
			for i, pe := range w.PEs() {
				w.checkFragments(pe, tt.devices[i] == ppp && tt.overIPv6)
			}
			// Isolation does not depend on how the links are carried.
			if tt.encapsulation == "" && !tt.overIPv6 {
				w.checkIsolation()
			}
			w.stop()
		})
	}
}

var bothKernel = [2]string{"kernel", "kernel"}

// checkKernel checks that the kernel has the tunnels, sessions and interfaces of the data plane,
// and no others.
func (w *world) checkKernel(pe *lab.PE, device string) {
	w.Helper()
	tunnels, sessions := 0, 0
	if device == "ppp" { // one tunnel with all sessions
		tunnels, sessions = 1, len(w.VPNs)
	}
	if got := w.l2tp(pe, "tunnel"); len(got) != tunnels {
		w.Errorf("%s has the tunnels %q in the kernel, want %d", pe.Name, got, tunnels)
	}
	if got := w.l2tp(pe, "session"); len(got) != sessions {
		w.Errorf("%s has the sessions %q in the kernel, want %d", pe.Name, got, sessions)
	}
	for _, vpn := range w.VPNs {
		name := w.Link(pe, vpn).Interface
		out, err := exec.Command("ip", "-details", "-n", string(w.router(pe, vpn)), "link", "show", name).CombinedOutput()
		if err != nil || !strings.Contains(string(out), " "+device+" ") {
			w.Errorf("%s, %s: want interface %s of kind %s, got %v: %s", pe.Name, vpn, name, device, err, out)
		}
	}
}

// checkReports checks data plane, MTU and explanation that the daemon reports.
func (w *world) checkReports(pe *lab.PE, device string, mtu int) {
	w.Helper()
	status, err := pe.Client().Status(w.Ctx)
	w.Must(err)
	want := w.planes[pe.Number-1]
	if want == "auto" {
		want = "kernel"
	}
	if status.DataPlane != want || status.DataPlaneReason == "" {
		w.Errorf("%s has data plane %s (%s), want %s", pe.Name, status.DataPlane, status.DataPlaneReason, want)
	}
	other := w.planes[pe.Number-1] == "auto" && device == "tun"
	if said := strings.Contains(status.DataPlaneReason, "userspace for "+pe.Peer.Name); said != other {
		w.Errorf("%s reports userspace for its peer: %v, want %v: %q", pe.Name, said, other, status.DataPlaneReason)
	}
	for _, vpn := range w.VPNs {
		if l := w.Link(pe, vpn); l.MTU != mtu || l.Reason != "" {
			w.Errorf("%s, %s: MTU %d, reason %q; want MTU %d and no reason", pe.Name, vpn, l.MTU, l.Reason, mtu)
		}
		text, err := pe.Ctl(w.Ctx, "explain", vpn, pe.Peer.Name)
		if err != nil || !strings.Contains(text, " is UP since ") || strings.Contains(text, "✗") || !strings.Contains(text, fmt.Sprintf("MTU %d", mtu)) {
			w.Errorf("%s explains the link of %s, which is up: %v\n%s", pe.Name, vpn, err, text)
		}
	}
}

// checkTransfers sends octets through each VPN, and checks the counters of both daemons.
func (w *world) checkTransfers() {
	w.Helper()
	const octets = 1 << 20
	for _, vpn := range w.VPNs {
		got, err := w.PE1.Sites[vpn].Transfer(w.Ctx, w.PE2.Sites[vpn], octets)
		w.Must(err)
		if !got.Intact() {
			w.Errorf("%s: SHA-256 %x sent and %x received", vpn, got.Sent, got.Received)
		}
	}
	for _, pe := range w.PEs() {
		sessions, err := pe.Client().Sessions(w.Ctx)
		w.Must(err)
		for _, s := range sessions {
			if numbered := s.Sublayer == "default, sequence numbers"; numbered != (w.sequencing != "") {
				w.Errorf("%s, %s: sublayer %q", pe.Name, s.VPN, s.Sublayer)
			}
			c := s.Counters
			much := c.TxOctets
			if pe == w.PE2 {
				much = c.RxOctets
			}
			if much < octets || much > 2*octets || c.RxPackets == 0 || c.TxPackets == 0 {
				w.Errorf("%s, %s: %d octets sent; counters %s", pe.Name, s.VPN, octets, labtest.AsJSON(c))
			}
		}
	}
}

// checkFragments checks that a PE has sent no fragments to its peer, or, if kernelDoes, that the
// kernel still sends them over IPv6.
func (w *world) checkFragments(pe *lab.PE, kernelDoes bool) {
	w.Helper()
	out, err := pe.NS.Command(w.Ctx, "nstat", "--zeros", "--ignore", "--noupdate", "--json", "IpFragCreates", "Ip6FragCreates").Output()
	w.Must(err)
	var counts struct {
		Kernel struct{ IpFragCreates, Ip6FragCreates int }
	}
	w.Must(json.Unmarshal(out, &counts))
	if c := counts.Kernel; c.IpFragCreates != 0 || (c.Ip6FragCreates != 0) != kernelDoes {
		w.Errorf("%s has sent %d fragments over IPv4 and %d over IPv6; want none and %v. If the kernel has changed, "+
			"dataplane: auto may use it for IPv6 peers", pe.Name, c.IpFragCreates, c.Ip6FragCreates, map[bool]string{false: "none", true: "some"}[kernelDoes])
	}
}

// checkIsolation checks that each VPN reaches its own host at an address that both VPNs use, that a
// VPN whose host is down reaches none, and that no host reaches the provider network.
func (w *world) checkIsolation() {
	w.Helper()
	const port = 7
	for _, vpn := range w.VPNs {
		stop, err := w.PE2.Sites[vpn].Answer(w.Ctx, port, vpn)
		w.Must(err)
		defer stop()
	}
	for _, vpn := range w.VPNs {
		at := netip.AddrPortFrom(w.PE2.Sites[vpn].Address, port)
		if answer, err := w.PE1.Sites[vpn].Ask(w.Ctx, at); err != nil || answer != vpn {
			w.Errorf("%s: the host at %s answers %q: %v", vpn, at, answer, err)
		}
	}
	w.Must(w.PE2.Sites["blue"].Host.IP("link set eth0 down"))
	for vpn, to := range map[string]netip.Addr{"blue": w.PE2.Sites["blue"].Address, "red": w.PE2.Address} {
		pong, err := w.PE1.Sites[vpn].Host.Ping(w.Ctx, to, lab.Ping{Count: 2})
		w.Must(err)
		if pong.Received != 0 {
			w.Errorf("%s received answers from %s, which it must not reach:\n%s", vpn, to, pong.Output)
		}
	}
	w.waitPing("red")
}
