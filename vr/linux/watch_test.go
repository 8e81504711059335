package linux

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// newWatchingManager returns a manager and what it tells of interfaces, a line each.
func newWatchingManager(t *testing.T) (m *Manager, turns <-chan string) {
	t.Helper()
	told := make(chan string, 64)
	m, err := NewManager(func(*Router) {}, func(r *Router, ifname string, up bool) {
		told <- fmt.Sprintf("%s %s %v", r.Name(), ifname, up)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, told
}

func TestInterfacesTurnedAreTold(t *testing.T) {
	m, turns := newWatchingManager(t)
	name, other := testName(t, "turned"), testName(t, "other")
	want := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			if got := <-turns; got != line {
				t.Fatalf("told %q, want %q", got, line)
			}
		}
	}
	ip(t, "netns", "add", name)
	ip(t, "-n", name, "link", "set", "lo", "up")
	r := ensure(t, m, name)
	want(name + " lo true") // what is there already
	if again := ensure(t, m, name); again != r {
		t.Fatal("the second Ensure gave another router")
	}

	ip(t, "-n", name, "link", "add", "vl-a", "type", "veth", "peer", "name", "vl-b")
	want(name+" vl-b false", name+" vl-a false")
	ip(t, "-n", name, "link", "set", "vl-a", "up")
	want(name + " vl-a true")
	ip(t, "-n", name, "link", "set", "vl-a", "mtu", "1400") // no turn
	ip(t, "-n", name, "link", "set", "vl-b", "up")          // gives vl-a carrier: no turn either
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
		t.Errorf("of an interface that is not there: %v", err)
	}

	// One that takes the name and index of another is new; routers are told apart.
	ip(t, "-n", name, "link", "delete", "vl-a")
	want(name + " vl-b false") // its peer, which goes too
	ip(t, "-n", name, "link", "add", "vl-a", "type", "veth", "peer", "name", "vl-b")
	want(name+" vl-b false", name+" vl-a false")
	ensure(t, m, other)
	want(other + " lo true")
}
