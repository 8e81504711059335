package vrf

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/vr"
)

// A customer interface is moved into the VRF, and its routes into the VRF's table. It is returned
// down and without its addresses.
func TestAttachToVRF(t *testing.T) {
	ip(t, "link add eth9 type veth peer name host9")
	defer ip(t, "link delete eth9")
	ip(t, "link set host9 up")
	m, deleted := newManager(t)
	reports := make(chan string, 16)
	if err := m.Attach(red, []vr.Attachment{{
		Name: "eth9", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.1.1/24"), netip.MustParsePrefix("2001:db8:1::1/64")},
	}}, func(name string, err error) {
		if err != nil {
			name += ": " + err.Error()
		}
		reports <- name
	}); err != nil {
		t.Fatal(err)
	}
	attached := func() {
		t.Helper()
		if got := <-reports; got != "eth9" {
			t.Fatalf("report %q, want eth9", got)
		}
		if got := ip(t, "-o link show eth9"); !strings.Contains(got[0], "master red") || !strings.Contains(got[0], ",UP") {
			t.Errorf("interface %q, want it up in red", got)
		}
		for _, family := range []string{"-4 route show table 1001 10.1.1.0/24", "-6 route show table 1001 2001:db8:1::/64"} {
			if got := ip(t, family); len(got) == 0 || !strings.Contains(got[0], "dev eth9") {
				t.Errorf("ip %s: %q", family, got)
			}
		}
		if got := ip(t, "route show table main 10.1.1.0/24"); len(got) != 0 {
			t.Errorf("the customer's prefix is in the host's table: %q", got)
		}
	}
	ensure(t, m, red)
	attached()

	// Another process takes it out of the VRF: it is moved back.
	ip(t, "link set eth9 nomaster")
	attached()

	// The VRF is deleted and created again.
	ip(t, "link delete red")
	<-deleted
	ensure(t, m, red)
	attached()

	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ip(t, "-o link show eth9"); strings.Contains(got[0], "master") || strings.Contains(got[0], ",UP") {
		t.Errorf("returned interface %q, want it down and in no VRF", got)
	}
	if got := ip(t, "-o addr show dev eth9 scope global"); len(got) != 0 {
		t.Errorf("returned interface with addresses %q", got)
	}
}
