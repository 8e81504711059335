package integration

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// answerPort is the TCP port on which each host answers with the name of its VPN.
const answerPort = 7

// answer makes a host answer TCP connections with a text, until the test ends.
func (r *rig) answer(site *lab.Site, port uint16, text string) {
	r.Helper()
	stop, err := site.Answer(r.ctx, port, text)
	r.must(err)
	r.Cleanup(stop)
}

// The same address belongs to a different host in each VPN.
func TestEachVPNReachesItsOwnHosts(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	for _, vpn := range r.VPNs {
		r.answer(r.PE2.Sites[vpn], answerPort, vpn)
	}
	for _, vpn := range r.VPNs {
		at := netip.AddrPortFrom(r.PE2.Sites[vpn].Address, answerPort)
		answer, err := r.PE1.Sites[vpn].Ask(r.ctx, at)
		r.must(err)
		if answer != vpn {
			t.Errorf("a host of %s reached a host of %q at %s", vpn, answer, at)
		}
	}
}

func TestRedDoesNotReachHostsOfBlue(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	red, blue := r.PE1.Sites["red"], r.PE1.Sites["blue"]
	farBlue := r.PE2.Sites["blue"]

	// An address and a port that exist only in blue.
	secret := netip.AddrFrom4([4]byte{10, 1, 2, 99})
	r.must(farBlue.Host.IP(fmt.Sprintf("addr add %s/24 dev eth0", secret)))
	const port = 8
	r.answer(farBlue, port, "blue alone")

	for _, tt := range []struct {
		from    *lab.Site
		reaches bool
	}{
		{blue, true},
		{red, false},
	} {
		pong, err := tt.from.Host.Ping(r.ctx, secret, lab.Ping{Count: 2})
		r.must(err)
		if got := pong.Received > 0; got != tt.reaches {
			t.Errorf("ping from %s to %s answered: %v, want %v\n%s", tt.from.VPN, secret, got, tt.reaches, pong.Output)
		}
		answer, err := tt.from.Ask(r.ctx, netip.AddrPortFrom(farBlue.Address, port))
		if got := err == nil && answer == "blue alone"; got != tt.reaches {
			t.Errorf("connection from %s to the port in blue: %v (answer %q, %v), want %v", tt.from.VPN, got, answer, err, tt.reaches)
		}
	}
}

// Packets of red pass all interfaces of red, and none of blue.
func TestPacketsOfRedStayInRed(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	captures := map[string][]*lab.Capture{}
	for _, vpn := range r.VPNs {
		for _, pe := range r.PEs() {
			captures[vpn] = append(captures[vpn],
				r.capture(pe.Sites[vpn].Host, "eth0"),
				r.capture(pe.Sites[vpn].VR, r.link(pe, vpn).Interface))
		}
	}

	mark := []byte("red, unmistaken!") // 16 octets
	for _, pe := range r.PEs() {
		pong, err := pe.Sites["red"].Host.Ping(r.ctx, pe.Peer.Sites["red"].Address, lab.Ping{Pattern: mark})
		r.must(err)
		if pong.Received == 0 {
			t.Errorf("no ping in red was answered:\n%s", pong.Output)
		}
	}

	for vpn, list := range captures {
		for _, c := range list {
			r.must(c.Stop())
			seen, err := c.Count(mark)
			r.must(err)
			if got, want := seen > 0, vpn == "red"; got != want {
				t.Errorf("%s: packets of red captured: %v, want %v", c.File, got, want)
			}
		}
	}
}
