package linux

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/vr"
)

// The tests work on the real kernel, as root, in network namespaces named after this process.

// ip runs ip(8) and returns its output, a line for each item.
func ip(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// testName is a name for a namespace that nobody else uses. What has it at the end of the test is
// removed.
func testName(t *testing.T, name string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("the tests of virtual routers make network namespaces: run them as root")
	}
	name = fmt.Sprintf("%s-%d", name, os.Getpid())
	t.Cleanup(func() {
		if exists(name) {
			ip(t, "netns", "del", name)
		}
	})
	return name
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join(Directory, name))
	return err == nil
}

// newTestManager returns a manager and the channel of the routers that it tells the deletion of.
func newTestManager(t *testing.T) (*Manager, <-chan *Router) {
	t.Helper()
	deleted := make(chan *Router, 16)
	m, err := NewManager(func(r *Router) { deleted <- r }, func(*Router, string, bool) {})
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

func ensure(t *testing.T, m *Manager, name string) *Router {
	t.Helper()
	r, err := m.Ensure(vr.Spec{NetNS: name})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// threadNamespace is the identity of the network namespace of the calling thread.
func threadNamespace(t *testing.T) identity {
	id, err := statFile("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return id
}

func TestEnsureCreatesAndCloseRemovesOnlyOurs(t *testing.T) {
	m, deleted := newTestManager(t)
	ours, found := testName(t, "ours"), testName(t, "found")
	ip(t, "netns", "add", found)
	for _, key := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		ip(t, "netns", "exec", found, "sysctl", "-w", key+"=0")
	}

	if r := ensure(t, m, found); r.Created() {
		t.Error("a namespace that was there is said to be created")
	}
	r := ensure(t, m, ours)
	if !r.Created() || r.Name() != ours {
		t.Errorf("got %q, created %v", r.Name(), r.Created())
	}
	if again := ensure(t, m, ours); again != r {
		t.Error("the second Ensure gave another router")
	}
	if lo := ip(t, "-n", ours, "-o", "link", "show", "up"); len(lo) != 1 || !strings.HasPrefix(lo[0], "1: lo: ") {
		t.Errorf("interfaces that are up: %q, want the loopback one alone", lo)
	}

	// A virtual router forwards; one that was made by somebody else is as that one wants it.
	for name, want := range map[string]string{ours: "1", found: "0"} {
		for _, key := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
			if got := ip(t, "netns", "exec", name, "sysctl", "-n", key); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %s is %q, want %s", name, key, got, want)
			}
		}
	}

	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if exists(ours) {
		t.Error("the namespace that we created is there after Close")
	}
	if !exists(found) {
		t.Error("the namespace that we found is gone after Close")
	}
	if err := r.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Do after Close: %v", err)
	}
	if _, err := m.Ensure(vr.Spec{NetNS: ours}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Ensure after Close: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if len(deleted) != 0 {
		t.Error("what Close removed was told as deleted")
	}
}

func TestEnsureRefuses(t *testing.T) {
	m, _ := newTestManager(t)
	for _, name := range []string{"", ".", "..", "a/b", "../x", "a\x00b", strings.Repeat("n", 256)} {
		if _, err := m.Ensure(vr.Spec{NetNS: name}); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	for _, s := range []vr.Spec{
		{NetNS: "red", VRF: "red", Table: 1}, {VRF: "red"}, {VRF: "a/b", Table: 1}, {VRF: strings.Repeat("v", 16), Table: 1},
	} {
		if _, err := m.Ensure(s); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}

	// What `ip netns add` leaves behind when it is killed half way.
	stale := testName(t, "stale")
	path := filepath.Join(Directory, stale)
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	if _, err := m.Ensure(vr.Spec{NetNS: stale}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file without a namespace: error %v, want one that names it", err)
	}
}

func TestDeletedBehindOurBack(t *testing.T) {
	m, deleted := newTestManager(t)
	name, witness := testName(t, "lost"), testName(t, "witness")
	first := ensure(t, m, name)

	// The other end of a veth goes when the kernel frees the namespace, that is when nobody holds
	// it any more.
	other := ensure(t, m, witness)
	ip(t, "-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", witness)
	updates, done := make(chan netlink.LinkUpdate), make(chan struct{})
	defer close(done)
	if err := other.Do(func() error { return netlink.LinkSubscribe(updates, done) }); err != nil {
		t.Fatal(err)
	}

	ip(t, "netns", "del", name)
	if r := <-deleted; r != first {
		t.Fatalf("told of %s, want %s", r.Name(), name)
	}
	for u := range updates {
		if u.Header.Type == unix.RTM_DELLINK && u.Attrs().Name == "v1" {
			break
		}
	}
	if err := first.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), name) {
		t.Errorf("Do in a deleted namespace: %v", err)
	}

	// Gone and made anew by hand, before we knew or after.
	second := ensure(t, m, name)
	if second == first || !second.Created() {
		t.Error("Ensure did not create the namespace again")
	}
	ip(t, "netns", "del", name)
	ip(t, "netns", "add", name)
	third := ensure(t, m, name)
	if r := <-deleted; r != second {
		t.Error("the replacement was not told")
	}
	if third.Created() {
		t.Error("the namespace made by hand is said to be created by us")
	}
	if err := third.Do(func() error {
		if id := threadNamespace(t); id != third.place.id {
			t.Errorf("in namespace %v, want %v", id, third.place.id)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if !exists(name) {
		t.Error("Close removed a namespace that was made by hand")
	}
}

func TestDo(t *testing.T) {
	m, _ := newTestManager(t)
	home := threadNamespace(t)
	routers := []*Router{ensure(t, m, testName(t, "red")), ensure(t, m, testName(t, "blue"))}

	// Many at once, one in another: each is where it should be, and no thread stays behind.
	var work sync.WaitGroup
	for i := range 100 {
		r, inner := routers[i%2], routers[(i+1)%2]
		work.Go(func() {
			err := r.Do(func() error {
				if id := threadNamespace(t); id != r.place.id {
					t.Errorf("in namespace %v, want %v", id, r.place.id)
				}
				return inner.Do(func() error {
					if id := threadNamespace(t); id != inner.place.id {
						t.Errorf("inner: in namespace %v, want %v", id, inner.place.id)
					}
					return nil
				})
			})
			if err != nil {
				t.Error(err)
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if id := threadNamespace(t); id != home {
				t.Errorf("after Do in namespace %v, want %v", id, home)
			}
		})
	}
	work.Wait()

	failure := errors.New("no luck")
	if err := routers[0].Do(func() error { return failure }); !errors.Is(err, failure) ||
		!strings.Contains(err.Error(), routers[0].Name()) {
		t.Errorf("error %v, want it to wrap f's own and to name the router", err)
	}
	if err := routers[0].Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("no error from a function that ended its goroutine")
	}
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(tasks, func(path string) bool {
		id, err := statFile(path) // a thread may have ended
		return err == nil && id != home
	}) {
		t.Error("a thread stayed in a virtual router")
	}
}
