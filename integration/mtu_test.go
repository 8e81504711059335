package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// The largest packet of a link is sent in one packet of the path's MTU. A larger packet gets an
// ICMP error from the virtual router, or is fragmented before it enters the link.
func TestMTUFitsThePath(t *testing.T) {
	const cookie = 8 // octets, by default
	for _, path := range []int{1500, 1400} {
		t.Run(fmt.Sprintf("path of %d octets", path), func(t *testing.T) {
			r := newRig(t, existingVRs)
			for _, pe := range r.PEs() {
				r.must(pe.NS.IP(fmt.Sprintf("link set %s mtu %d", lab.ProviderInterface, path)))
			}
			r.startBoth()
			want := path - dataplane.UDP.Overhead(r.PE2.Address, cookie, dataplane.NoSublayer).Total()
			if got := r.link(r.PE1, "red").MTU; got != want {
				t.Fatalf("the MTU of the link is %d, want %d", got, want)
			}
			c := r.capture(r.PE1.NS, lab.ProviderInterface)
			host, to := r.PE1.Sites["red"].Host, r.PE2.Sites["red"].Address

			r.wantAnswered(host, to, lab.Ping{Size: want, DontFragment: true})
			tooBig, err := host.Ping(r.ctx, to, lab.Ping{Size: want + 1, DontFragment: true})
			r.must(err)
			if answer := fmt.Sprintf("mtu = %d", want); tooBig.Received > 0 || !strings.Contains(tooBig.Output, answer) {
				t.Errorf("%d octets with the DF bit: want %q from the router, got\n%s", want+1, answer, tooBig.Output)
			}
			// Without the DF bit a larger packet is fragmented before it enters the link.
			r.wantAnswered(host, to, lab.Ping{Size: 2 * want})

			largest := 0
			for _, f := range r.readCapture(c) {
				if f.Fragment {
					t.Errorf("%s is a fragment", f)
				}
				largest = max(largest, f.Length)
			}
			if largest != path {
				t.Errorf("the largest packet on the provider network has %d octets, want %d", largest, path)
			}
		})
	}
}

// wantAnswered checks that every ping is answered.
func (r *rig) wantAnswered(from lab.Namespace, to netip.Addr, p lab.Ping) {
	r.Helper()
	pong, err := from.Ping(r.ctx, to, p)
	r.must(err)
	if pong.Received != pong.Sent {
		r.Errorf("%d of %d pings with %d octets were answered:\n%s", pong.Received, pong.Sent, p.Size, pong.Output)
	}
}
