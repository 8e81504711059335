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

// addVeth adds a veth pair to the host's namespace and returns the name of one end, which is the
// customer interface.
func addVeth(t *testing.T, number int) string {
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

// reporter returns a function for Attach that sends each report as a line.
func reporter(reports chan string) func(string, error) {
	return func(name string, err error) {
		switch {
		case err == nil:
			reports <- name + " attached"
		case errors.Is(err, os.ErrNotExist):
			reports <- name + " missing"
		default:
			reports <- name + ": " + err.Error()
		}
	}
}

// expect waits for these reports.
func expect(t *testing.T, reports <-chan string, want ...string) {
	t.Helper()
	for _, line := range want {
		if got := <-reports; got != line {
			t.Fatalf("reported %q, want %q", got, line)
		}
	}
}

// customers returns attachments with the same addresses for these interfaces.
func customers(names ...string) []vr.Attachment {
	var as []vr.Attachment
	for _, name := range names {
		as = append(as, vr.Attachment{Name: name, Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.1.1/24"), netip.MustParsePrefix("2001:db8:1::1/64")}})
	}
	return as
}

// state returns what ip(8) shows of an interface in a router's namespace, or on the host if it is
// "": "DOWN", "UP" with its global addresses, or "absent".
func state(t *testing.T, netns, ifname string) string {
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
	early, late := addVeth(t, 1), fmt.Sprintf("c2-%d", os.Getpid())
	reports := make(chan string, 16)

	// Nothing happens without a router. When it is opened, existing interfaces are attached.
	if err := m.Attach(spec, customers(early, late), reporter(reports)); err != nil {
		t.Fatal(err)
	}
	if got := state(t, "", early); got != "DOWN" {
		t.Errorf("%s is %q before the router exists", early, got)
	}
	ensure(t, m, name)
	expect(t, reports, early+" attached", late+" missing")
	ip(t, "link", "set", "p"+early, "up")
	const up = "UP 10.1.1.1/24 2001:db8:1::1/64"
	if got := state(t, name, early); got != up {
		t.Errorf("%s is %q, want %q", early, got, up)
	}
	if got := state(t, "", early); got != "absent" {
		t.Errorf("%s is %q on the host", early, got)
	}

	// An interface that appears later is attached then.
	addVeth(t, 2)
	expect(t, reports, late+" attached")

	// An interface that is no longer wanted is moved back, down; the other is not changed.
	if err := m.Attach(spec, customers(early), reporter(reports)); err != nil {
		t.Fatal(err)
	}
	if got := state(t, "", late); got != "DOWN" {
		t.Errorf("%s, no longer wanted, is %q", late, got)
	}
	if got := state(t, name, early); got != up {
		t.Errorf("%s is %q, want %q", early, got, up)
	}

	// Other addresses replace those that it was given.
	other := customers(early)
	other[0].Addresses = []netip.Prefix{netip.MustParsePrefix("10.1.1.1/24"), netip.MustParsePrefix("10.9.9.9/32")}
	if err := m.Attach(spec, other, reporter(reports)); err != nil {
		t.Fatal(err)
	}
	expect(t, reports, early+" attached")
	if got, want := state(t, name, early), "UP 10.1.1.1/24 10.9.9.9/32"; got != want {
		t.Errorf("%s is %q, want %q", early, got, want)
	}

	// Close moves all interfaces back, so that they are not deleted with the namespace.
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if got := state(t, "", early); got != "DOWN" {
		t.Errorf("%s is %q after Close", early, got)
	}
	if exists(name) {
		t.Error("the namespace still exists after Close")
	}
}

// The kernel deletes a veth device with its namespace. Once interface and router are created again,
// it is attached again.
func TestAttachToRecreatedRouter(t *testing.T) {
	m, deleted := newTestManager(t)
	name := testName(t, "again")
	cable := addVeth(t, 1)
	reports := make(chan string, 16)
	if err := m.Attach(vr.Spec{NetNS: name}, customers(cable), reporter(reports)); err != nil {
		t.Fatal(err)
	}
	ensure(t, m, name)
	expect(t, reports, cable+" attached")
	ip(t, "netns", "del", name)
	<-deleted
	for state(t, "", "p"+cable) != "absent" { // the kernel needs some time
	}
	addVeth(t, 1)
	ensure(t, m, name)
	expect(t, reports, cable+" attached")
	if got := state(t, name, cable); !strings.Contains(got, "10.1.1.1/24") {
		t.Errorf("%s is %q", cable, got)
	}
}

// An interface that another process moved into the router gets its addresses, and stays there.
func TestAttachInterfaceAlreadyInside(t *testing.T) {
	m, _ := newTestManager(t)
	name := testName(t, "found")
	ip(t, "netns", "add", name)
	cable := addVeth(t, 1)
	ip(t, "link", "set", cable, "netns", name)
	reports := make(chan string, 16)
	ensure(t, m, name)
	if err := m.Attach(vr.Spec{NetNS: name}, customers(cable), reporter(reports)); err != nil {
		t.Fatal(err)
	}
	expect(t, reports, cable+" attached")
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if got := state(t, name, cable); !strings.Contains(got, "10.1.1.1/24") {
		t.Errorf("%s is %q", cable, got)
	}
}

// A parameter can be set without writing to /proc/sys, which is read-only in a container.
func TestWritePrivateSysctl(t *testing.T) {
	m, _ := newTestManager(t)
	name := testName(t, "sysctl")
	r := ensure(t, m, name)
	if err := r.Do(func() error { return writePrivateSysctl("ipv6/conf/all/forwarding", "0") }); err != nil {
		t.Fatal(err)
	}
	if got := ip(t, "netns", "exec", name, "sysctl", "-n", "net.ipv6.conf.all.forwarding"); !slices.Equal(got, []string{"0"}) {
		t.Errorf("IPv6 forwarding is %q, want 0", got)
	}
	if got := ip(t, "netns", "exec", name, "sysctl", "-n", "net.ipv4.ip_forward"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("IPv4 forwarding is %q, want 1", got)
	}
}
