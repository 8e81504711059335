package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/vr"
)

// testCable makes a veth pair in the host's namespace and returns the name of one end: a customer's
// interface.
func testCable(t *testing.T, number int) string {
	t.Helper()
	name := fmt.Sprintf("c%d-%d", number, os.Getpid())
	ip(t, "link", "add", name, "type", "veth", "peer", "name", "p"+name)
	t.Cleanup(func() {
		for line := range slices.Values(ip(t, "-o", "link")) {
			if strings.Contains(line, ": p"+name+"@") {
				ip(t, "link", "del", "p"+name)
			}
		}
	})
	return name
}

// attaching tells what Attach tells of.
func attaching(told chan string) func(string, error) {
	return func(name string, err error) {
		switch {
		case err == nil:
			told <- name + " attached"
		case errors.Is(err, os.ErrNotExist):
			told <- name + " is not there"
		default:
			told <- name + ": " + err.Error()
		}
	}
}

func hear(t *testing.T, told <-chan string, want ...string) {
	t.Helper()
	for _, line := range want {
		if got := <-told; got != line {
			t.Fatalf("told %q, want %q", got, line)
		}
	}
}

func customers(names ...string) []vr.Attachment {
	var as []vr.Attachment
	for _, name := range names {
		as = append(as, vr.Attachment{Name: name, Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.1.1/24"), netip.MustParsePrefix("2001:db8:1::1/64")}})
	}
	return as
}

// inside is what the router's namespace, or the host if it is "", has of an interface: "DOWN", or
// "UP" and its global addresses.
func inside(t *testing.T, netns, ifname string) string {
	t.Helper()
	args := []string{"-brief", "addr", "show", "scope", "global"}
	if netns != "" {
		args = append([]string{"-n", netns}, args...)
	}
	for _, line := range ip(t, args...) {
		name, rest, _ := strings.Cut(line, " ")
		if name, _, _ := strings.Cut(name, "@"); name == ifname {
			return rest
		}
	}
	return "absent"
}

func TestAttach(t *testing.T) {
	m, _ := newTestManager(t)
	name := testName(t, "attach")
	spec := vr.Spec{NetNS: name}
	early, late := testCable(t, 1), fmt.Sprintf("c2-%d", os.Getpid())
	told := make(chan string, 16)

	// Before there is a router nothing happens; with it comes what there is.
	if err := m.Attach(spec, customers(early, late), attaching(told)); err != nil {
		t.Fatal(err)
	}
	if got := inside(t, "", early); got != "DOWN" {
		t.Errorf("%s is %q before there is a router", early, got)
	}
	ensure(t, m, name)
	hear(t, told, early+" attached", late+" is not there")
	ip(t, "link", "set", "p"+early, "up")
	const up = "UP 10.1.1.1/24 2001:db8:1::1/64"
	if got := inside(t, name, early); got != up {
		t.Errorf("%s is %q, want %q", early, got, up)
	}
	if got := inside(t, "", early); got != "absent" {
		t.Errorf("%s is %q outside", early, got)
	}

	// One that is plugged in later is attached then.
	testCable(t, 2)
	hear(t, told, late+" attached")

	// One that is no longer wanted is given back, down; the other is not touched.
	if err := m.Attach(spec, customers(early), attaching(told)); err != nil {
		t.Fatal(err)
	}
	if got := inside(t, "", late); got != "DOWN" {
		t.Errorf("%s, no longer wanted, is %q", late, got)
	}
	if got := inside(t, name, early); got != up {
		t.Errorf("%s is %q, want %q", early, got, up)
	}

	// Other addresses take the place of those that it was given.
	other := customers(early)
	other[0].Addresses = []netip.Prefix{netip.MustParsePrefix("10.1.1.1/24"), netip.MustParsePrefix("10.9.9.9/32")}
	if err := m.Attach(spec, other, attaching(told)); err != nil {
		t.Fatal(err)
	}
	hear(t, told, early+" attached")
	if got, want := inside(t, name, early), "UP 10.1.1.1/24 10.9.9.9/32"; got != want {
		t.Errorf("%s is %q, want %q", early, got, want)
	}

	// At the end all are given back, and not lost with the namespace.
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if got := inside(t, "", early); got != "DOWN" {
		t.Errorf("%s is %q at the end", early, got)
	}
	if exists(name) {
		t.Error("the namespace is still there")
	}
}

// A router that was deleted takes a veth along. Plugged in anew, it is attached to the router that
// is made anew.
func TestAttachToRouterMadeAnew(t *testing.T) {
	m, deleted := newTestManager(t)
	name := testName(t, "anew")
	cable := testCable(t, 1)
	told := make(chan string, 16)
	if err := m.Attach(vr.Spec{NetNS: name}, customers(cable), attaching(told)); err != nil {
		t.Fatal(err)
	}
	ensure(t, m, name)
	hear(t, told, cable+" attached")
	ip(t, "netns", "del", name)
	<-deleted
	for inside(t, "", "p"+cable) != "absent" { // the kernel takes its time
	}
	testCable(t, 1)
	ensure(t, m, name)
	hear(t, told, cable+" attached")
	if got := inside(t, name, cable); !strings.Contains(got, "10.1.1.1/24") {
		t.Errorf("%s is %q", cable, got)
	}
}

// What somebody else has put into the router gets its addresses, and stays there.
func TestAttachFindsItInside(t *testing.T) {
	m, _ := newTestManager(t)
	name := testName(t, "found")
	ip(t, "netns", "add", name)
	cable := testCable(t, 1)
	ip(t, "link", "set", cable, "netns", name)
	told := make(chan string, 16)
	ensure(t, m, name)
	if err := m.Attach(vr.Spec{NetNS: name}, customers(cable), attaching(told)); err != nil {
		t.Fatal(err)
	}
	hear(t, told, cable+" attached")
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if got := inside(t, name, cable); !strings.Contains(got, "10.1.1.1/24") {
		t.Errorf("%s is %q", cable, got)
	}
}

// A parameter is set where /proc/sys is read-only too, as in a container.
func TestWriteOwnSysctl(t *testing.T) {
	m, _ := newTestManager(t)
	name := testName(t, "sysctl")
	r := ensure(t, m, name)
	if err := r.Do(func() error { return writeOwnSysctl("ipv6/conf/all/forwarding", "0") }); err != nil {
		t.Fatal(err)
	}
	if got := ip(t, "netns", "exec", name, "sysctl", "-n", "net.ipv6.conf.all.forwarding"); !slices.Equal(got, []string{"0"}) {
		t.Errorf("forwarding is %q, want 0", got)
	}
	if got := ip(t, "netns", "exec", name, "sysctl", "-n", "net.ipv4.ip_forward"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("IPv4's is %q, want 1", got)
	}
}
