package linux

import (
	"maps"
	"os"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/vr"
)

// A namespace with two names is watched once, for the routers of both names, until each is
// released.
func TestRoutersInOneNamespaceShareItsWatch(t *testing.T) {
	m, reports := newWatchingManager(t)
	first, second := testName(t, "first"), testName(t, "second")
	ip(t, "netns", "add", first)
	ip(t, "-n", first, "link", "set", "lo", "up")
	if err := os.WriteFile(pathOf(vr.Spec{NetNS: second}), nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(pathOf(vr.Spec{NetNS: first}), pathOf(vr.Spec{NetNS: second}), "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	want := func(lines ...string) {
		t.Helper()
		got := make(map[string]bool)
		for range lines {
			got[<-reports] = true
		}
		if got := slices.Sorted(maps.Keys(got)); !slices.Equal(got, lines) {
			t.Fatalf("reported %q, want %q", got, lines)
		}
	}
	ensure(t, m, first)
	want(first + " lo true")
	ensure(t, m, second)
	want(second + " lo true") // as it was reported for the other
	if n := len(m.watches.of); n != 1 {
		t.Errorf("%d namespaces are watched, want 1", n)
	}
	ip(t, "-n", first, "link", "set", "lo", "down")
	want(first+" lo false", second+" lo false")

	if err := m.Release(vr.Spec{NetNS: first}); err != nil { // the one that started the watch
		t.Fatal(err)
	}
	ip(t, "-n", first, "link", "set", "lo", "up")
	want(second + " lo true")
	if err := m.Release(vr.Spec{NetNS: second}); err != nil {
		t.Fatal(err)
	}
	if n := len(m.watches.of); n != 0 {
		t.Errorf("%d namespaces are watched without a router in them, want 0", n)
	}
}

func TestEnsureConcurrently(t *testing.T) {
	m, _ := newTestManager(t)
	name, other := testName(t, "side"), testName(t, "by-side")
	var group errgroup.Group
	routers := make([]*Router, 16)
	for i := range routers {
		group.Go(func() (err error) {
			routers[i], err = m.Ensure(vr.Spec{NetNS: []string{name, other}[i%2]})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, r := range routers {
		if r != routers[i%2] || !r.Created() {
			t.Errorf("Ensure %d returned %v, created %v; want the one router of each name, created", i, r.Spec(), r.Created())
		}
	}
}
