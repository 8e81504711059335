package linux

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// newWatchingManager returns a manager and the interfaces that it reports, a line each.
func newWatchingManager(t *testing.T) (m *Manager, reports <-chan string) {
	t.Helper()
	lines := make(chan string, 64)
	m, err := NewManager(func(*Router) {}, func(r *Router, ifname string, up bool) {
		lines <- fmt.Sprintf("%s %s %v", r.Name(), ifname, up)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, lines
}

func TestInterfacesSetUpOrDownAreReported(t *testing.T) {
	m, reports := newWatchingManager(t)
	name, other := testName(t, "switched"), testName(t, "other")
	want := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			if got := <-reports; got != line {
				t.Fatalf("reported %q, want %q", got, line)
			}
		}
	}
	ip(t, "netns", "add", name)
	ip(t, "-n", name, "link", "set", "lo", "up")
	r := ensure(t, m, name)
	want(name + " lo true") // an existing interface
	if again := ensure(t, m, name); again != r {
		t.Fatal("the second Ensure returned another router")
	}

	ip(t, "-n", name, "link", "add", "vl-a", "type", "veth", "peer", "name", "vl-b")
	want(name+" vl-b false", name+" vl-a false")
	ip(t, "-n", name, "link", "set", "vl-a", "up")
	want(name + " vl-a true")
	ip(t, "-n", name, "link", "set", "vl-a", "mtu", "1400") // not reported
	ip(t, "-n", name, "link", "set", "vl-b", "up")          // vl-a gets a carrier: not reported
	want(name + " vl-b true")

	for ifname, up := range map[string]bool{"vl-a": true, "lo": true} {
		if got, err := r.IsUp(ifname); got != up || err != nil {
			t.Errorf("%s is up: %v, %v", ifname, got, err)
		}
	}
	ip(t, "-n", name, "link", "set", "vl-a", "down")
	want(name + " vl-a false")
	if up, err := r.IsUp("vl-a"); up || err != nil {
		t.Errorf("vl-a is up: %v, %v", up, err)
	}
	if _, err := r.IsUp("vl-c"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing interface: %v, want os.ErrNotExist", err)
	}

	// An interface with the name and index of a deleted one is new. Routers are kept apart.
	ip(t, "-n", name, "link", "delete", "vl-a")
	want(name + " vl-b false") // its peer, which is deleted, too
	ip(t, "-n", name, "link", "add", "vl-a", "type", "veth", "peer", "name", "vl-b")
	want(name+" vl-b false", name+" vl-a false")
	ensure(t, m, other)
	want(other + " lo true")
}
