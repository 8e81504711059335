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

// The demo's two VPNs over every kind of data plane, virtual router, encapsulation and peer: links
// are up and known to be, hosts reach their own VPN's hosts and nobody else's, and at the end
// nothing is left.
func TestLinks(t *testing.T) {
	ppp, tun := "ppp", "tun" // what carries links over the kernel and over userspace
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
				w.checkWords(pe, tt.devices[i], tt.mtu)
			}
			w.checkTransfers()
			for i, pe := range w.PEs() {
				w.checkFragments(pe, tt.devices[i] == ppp && tt.overIPv6)
			}
			if tt.encapsulation == "" && !tt.overIPv6 { // what carries the links has no part in who reaches whom
				w.checkIsolation()
			}
			w.stop()
		})
	}
}

var bothKernel = [2]string{"kernel", "kernel"}

// checkKernel sees that the kernel has what the data plane should have made there, and nothing
// else.
func (w *world) checkKernel(pe *lab.PE, device string) {
	w.Helper()
	tunnels, sessions := 0, 0
	if device == "ppp" { // one tunnel with all sessions
		tunnels, sessions = 1, len(w.VPNs)
	}
	if got := w.l2tp(pe, "tunnel"); len(got) != tunnels {
		w.Errorf("%s has the kernel's tunnels %q, want %d", pe.Name, got, tunnels)
	}
	if got := w.l2tp(pe, "session"); len(got) != sessions {
		w.Errorf("%s has the kernel's sessions %q, want %d", pe.Name, got, sessions)
	}
	for _, vpn := range w.VPNs {
		name := w.Link(pe, vpn).Interface
		out, err := exec.Command("ip", "-details", "-n", string(w.router(pe, vpn)), "link", "show", name).CombinedOutput()
		if err != nil || !strings.Contains(string(out), " "+device+" ") {
			w.Errorf("%s, %s: want interface %s of kind %s, got %v: %s", pe.Name, vpn, name, device, err, out)
		}
	}
}

// checkWords sees that the daemon tells of its links as they are.
func (w *world) checkWords(pe *lab.PE, device string, mtu int) {
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
		w.Errorf("%s says that its peer has userspace: %v, want %v: %q", pe.Name, said, other, status.DataPlaneReason)
	}
	for _, vpn := range w.VPNs {
		if l := w.Link(pe, vpn); l.MTU != mtu || l.Reason != "" {
			w.Errorf("%s, %s: MTU %d, reason %q; want MTU %d and none", pe.Name, vpn, l.MTU, l.Reason, mtu)
		}
		text, err := pe.Ctl(w.Ctx, "explain", vpn, pe.Peer.Name)
		if err != nil || !strings.Contains(text, " is UP since ") || strings.Contains(text, "✗") || !strings.Contains(text, fmt.Sprintf("MTU %d", mtu)) {
			w.Errorf("%s explains %s so: %v\n%s", pe.Name, vpn, err, text)
		}
	}
}

// checkTransfers sends octets through each VPN, and sees that both daemons have counted them.
func (w *world) checkTransfers() {
	w.Helper()
	const octets = 1 << 20
	for _, vpn := range w.VPNs {
		got, err := w.PE1.Sites[vpn].Transfer(w.Ctx, w.PE2.Sites[vpn], octets)
		w.Must(err)
		if !got.Intact() {
			w.Errorf("%s: SHA-256 %x was sent and %x received", vpn, got.Sent, got.Received)
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
				w.Errorf("%s, %s: %d octets were sent; the counters are %s", pe.Name, s.VPN, octets, labtest.AsJSON(c))
			}
		}
	}
}

// checkFragments sees that a PE has sent nothing to its peer in fragments, or that the kernel still
// does so.
func (w *world) checkFragments(pe *lab.PE, kernelDoes bool) {
	w.Helper()
	out, err := pe.NS.Command(w.Ctx, "nstat", "--zeros", "--ignore", "--noupdate", "--json", "IpFragCreates", "Ip6FragCreates").Output()
	w.Must(err)
	var counts struct {
		Kernel struct{ IpFragCreates, Ip6FragCreates int }
	}
	w.Must(json.Unmarshal(out, &counts))
	if c := counts.Kernel; c.IpFragCreates != 0 || (c.Ip6FragCreates != 0) != kernelDoes {
		w.Errorf("%s has sent %d fragments over IPv4 and %d over IPv6; want none and %v. If it is the kernel that has changed, "+
			"dataplane: auto may take it for IPv6 peers", pe.Name, c.IpFragCreates, c.Ip6FragCreates, map[bool]string{false: "none", true: "some"}[kernelDoes])
	}
}

// checkIsolation has the far hosts, which have one address, say who they are; and nobody reaches
// the provider's network.
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
			w.Errorf("%s asks who is at %s, and %q answers: %v", vpn, at, answer, err)
		}
	}
	w.Must(w.PE2.Sites["blue"].Host.IP("link set eth0 down"))
	for vpn, to := range map[string]netip.Addr{"blue": w.PE2.Sites["blue"].Address, "red": w.PE2.Address} {
		pong, err := w.PE1.Sites[vpn].Host.Ping(w.Ctx, to, lab.Ping{Count: 2})
		w.Must(err)
		if pong.Received != 0 {
			w.Errorf("%s is answered from %s, which is not there for it:\n%s", vpn, to, pong.Output)
		}
	}
	w.waitPing("red")
}
