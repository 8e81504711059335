// Package vrf tests VRFs as virtual routers in the virtual machine of integration/vm, because the
// kernel of a container often lacks VRFs.
package vrf

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/integration/vm"
	"github.com/l2tpvl/l2tpvl/vr"
	"github.com/l2tpvl/l2tpvl/vr/linux"
)

func TestMain(m *testing.M) { os.Exit(vm.Main(m)) }

// ip runs ip(8) and returns its output, a line for each item.
func ip(t *testing.T, args string) []string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// has reports whether one of the lines begins with the words.
func has(lines []string, words string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, words) })
}

func exists(name string) bool {
	_, err := netlink.LinkByName(name)
	return err == nil
}

// newManager returns a manager, and a channel with the routers whose deletion it reports.
func newManager(t *testing.T) (*linux.Manager, <-chan *linux.Router) {
	t.Helper()
	deleted := make(chan *linux.Router, 16)
	m, err := linux.NewManager(func(r *linux.Router) { deleted <- r }, func(*linux.Router, string, bool) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, deleted
}

func ensure(t *testing.T, m *linux.Manager, s vr.Spec) *linux.Router {
	t.Helper()
	r, err := m.Ensure(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// addTUN creates a TUN device as a data plane does. It stays when no process has it open.
func addTUN(t *testing.T, r *linux.Router, name string) {
	t.Helper()
	if err := r.Do(func() error {
		return netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TUN})
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ip(t, "link delete "+name) })
}

var (
	red  = vr.Spec{VRF: "red", Table: 1001}
	blue = vr.Spec{VRF: "blue", Table: 1002}
)

func TestOnlyCreatedVRFIsRemoved(t *testing.T) {
	ip(t, "link add blue type vrf table 1002")
	defer ip(t, "link delete blue")
	m, deleted := newManager(t)
	if r := ensure(t, m, blue); r.Created() {
		t.Error("an existing VRF is reported as created")
	}
	r := ensure(t, m, red)
	if !r.Created() || r.Name() != "red" || r.Spec() != red {
		t.Errorf("got %v, created %v", r.Spec(), r.Created())
	}
	if again := ensure(t, m, red); again != r {
		t.Error("the second Ensure returned another router")
	}
	if lines := ip(t, "-d -o link show red up"); len(lines) != 1 || !strings.Contains(lines[0], "vrf table 1001") {
		t.Errorf("VRF %q, want it up with table 1001", lines)
	}
	if lines := ip(t, "link show blue"); strings.Contains(lines[0], "UP") {
		t.Errorf("the existing VRF was modified: %q", lines)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if exists("red") || !exists("blue") {
		t.Errorf("after Close: red exists: %v, want false; blue exists: %v, want true", exists("red"), exists("blue"))
	}
	for _, family := range []string{"-4", "-6"} {
		if routes := ip(t, family+" route show table all"); has(routes, "unreachable default") {
			t.Errorf("routes are left: %q", routes)
		}
	}
	if len(deleted) != 0 {
		t.Error("the VRF that Close removed was reported as deleted")
	}
	if err := r.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Do after Close: %v", err)
	}
}

func TestEnsureRefuses(t *testing.T) {
	ip(t, "link add blue type vrf table 7")
	defer ip(t, "link delete blue")
	ip(t, "link add red type dummy")
	defer ip(t, "link delete red")
	m, _ := newManager(t)
	if _, err := m.Ensure(blue); err == nil || !strings.Contains(err.Error(), "table 7: want 1002") {
		t.Errorf("a VRF with another table: %v", err)
	}
	if _, err := m.Ensure(red); err == nil || !strings.Contains(err.Error(), "type dummy") {
		t.Errorf("an interface of another type: %v", err)
	}
}

// Two VRFs have the same addresses and routes, each in its own table, and the host's main table has
// none of them.
func TestInterfacesAreInTheirVRFs(t *testing.T) {
	m, _ := newManager(t)
	for _, s := range []vr.Spec{red, blue} {
		r := ensure(t, m, s)
		addTUN(t, r, "vl-"+s.VRF)
	}
	c := vr.Interface{
		MTU: 1400, Up: true,
		Local: netip.MustParseAddr("10.255.0.0"), Peer: netip.MustParseAddr("10.255.0.1"),
		LinkLocal: 0x211, PeerLinkLocal: 0x212,
		Routes: []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("2001:db8:2::/48")},
	}
	for _, time := range []string{"once", "twice"} {
		for _, s := range []vr.Spec{red, blue} {
			if err := ensure(t, m, s).Configure("vl-"+s.VRF, c); err != nil {
				t.Fatalf("%v, %s: %v", s, time, err)
			}
		}
	}
	for _, s := range []vr.Spec{red, blue} {
		name := s.VRF
		if lines := ip(t, "-o link show master "+name+" up"); len(lines) != 1 || !strings.Contains(lines[0], "vl-"+name) {
			t.Errorf("in VRF %s: %q, want vl-%[1]s, up", name, lines)
		}
		v4, v6 := ip(t, "-4 route show vrf "+name), ip(t, "-6 route show vrf "+name)
		for _, want := range []string{
			"10.1.2.0/24 dev vl-" + name + " proto 115", "10.255.0.1 dev vl-" + name + " proto kernel", "unreachable default proto 115",
		} {
			if !has(v4, want) {
				t.Errorf("VRF %s has %q, without %q", name, v4, want)
			}
		}
		for _, want := range []string{
			"2001:db8:2::/48 dev vl-" + name + " proto 115", "fe80::/64 dev vl-" + name, "unreachable default dev lo proto 115",
		} {
			if !has(v6, want) {
				t.Errorf("VRF %s has %q, without %q", name, v6, want)
			}
		}
		if lines := ip(t, "route get vrf "+name+" 10.1.2.9"); !strings.Contains(lines[0], "dev vl-"+name) {
			t.Errorf("VRF %s routes by %q", name, lines)
		}
		// Packets without a route must not leak into the provider's network.
		if out, err := exec.Command("ip", "route", "get", "vrf", name, "203.0.113.1").CombinedOutput(); err == nil {
			t.Errorf("VRF %s has a route to 203.0.113.1: %s", name, out)
		}
	}
	for _, family := range []string{"-4", "-6"} {
		if lines := ip(t, family+" route show table main"); slices.ContainsFunc(lines, func(s string) bool { return strings.Contains(s, "vl-") }) {
			t.Errorf("the host's table has %q", lines)
		}
	}

	c.Routes = nil
	if err := ensure(t, m, red).Configure("vl-red", c); err != nil {
		t.Fatal(err)
	}
	if has(ip(t, "route show vrf red"), "10.1.2.0/24") || !has(ip(t, "route show vrf blue"), "10.1.2.0/24") {
		t.Error("the route was not removed from red, or was removed from blue")
	}
	if has(ip(t, "route show vrf red"), "unreachable default") == false {
		t.Error("the unreachable default route of the VRF was removed with the routes of a link")
	}
}

func TestDeletedByAnotherProcess(t *testing.T) {
	m, deleted := newManager(t)
	first := ensure(t, m, red)
	addTUN(t, first, "vl-red")
	if err := first.Configure("vl-red", vr.Interface{Up: true, Local: netip.MustParseAddr("10.0.0.1")}); err != nil {
		t.Fatal(err)
	}
	ip(t, "link delete red")
	if r := <-deleted; r != first {
		t.Fatalf("deletion of %v reported, want red", r.Spec())
	}
	if err := first.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Do in a deleted VRF: %v", err)
	}

	second := ensure(t, m, red)
	if second == first || !second.Created() {
		t.Error("Ensure did not create the VRF again")
	}
	ip(t, "link delete red")
	ip(t, "link add red type vrf table 1001")
	defer ip(t, "link delete red")
	if r := <-deleted; r != second {
		t.Error("the replacement was not reported")
	}
	if third := ensure(t, m, red); third.Created() {
		t.Error("the VRF created by hand is reported as created by the manager")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if !exists("red") {
		t.Error("Close removed a VRF that was created by hand")
	}
}
