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

// The tests use the host's kernel, as root, in network namespaces named after this process.

// ip runs ip(8) and returns the lines of its output.
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

// testName returns a name for a namespace that no other process uses. A namespace with this name is
// removed at the end of the test.
func testName(t *testing.T, name string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("the tests of virtual routers create network namespaces: run them as root")
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

// newTestManager returns a manager and a channel of the routers that it reports as deleted.
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

// threadNamespace returns the identity of the calling thread's network namespace.
func threadNamespace(t *testing.T) identity {
	id, err := statFile("/proc/thread-self/ns/net")
	if err != nil {
		t.Error(err)
	}
	return id
}

func TestCloseRemovesOnlyCreatedRouters(t *testing.T) {
	m, deleted := newTestManager(t)
	created, found := testName(t, "created"), testName(t, "found")
	ip(t, "netns", "add", found)
	for _, key := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		ip(t, "netns", "exec", found, "sysctl", "-w", key+"=0")
	}

	if r := ensure(t, m, found); r.Created() {
		t.Error("an existing namespace is marked as created")
	}
	r := ensure(t, m, created)
	if !r.Created() || r.Name() != created {
		t.Errorf("got %q, created %v; want %q, created", r.Name(), r.Created(), created)
	}
	if again := ensure(t, m, created); again != r {
		t.Error("the second Ensure returned another router")
	}
	if lo := ip(t, "-n", created, "-o", "link", "show", "up"); len(lo) != 1 || !strings.HasPrefix(lo[0], "1: lo: ") {
		t.Errorf("interfaces that are up: %q, want only the loopback interface", lo)
	}

	// A created router forwards packets; an existing one is not changed.
	for name, want := range map[string]string{created: "1", found: "0"} {
		for _, key := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
			if got := ip(t, "netns", "exec", name, "sysctl", "-n", key); !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %s is %q, want %s", name, key, got, want)
			}
		}
	}

	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if exists(created) {
		t.Error("the namespace that Ensure created exists after Close")
	}
	if !exists(found) {
		t.Error("the namespace that Ensure found was removed by Close")
	}
	if err := r.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Do after Close: %v, want os.ErrClosed", err)
	}
	if _, err := m.Ensure(vr.Spec{NetNS: created}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Ensure after Close: %v, want os.ErrClosed", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if len(deleted) != 0 {
		t.Error("a router that Close removed was reported as deleted")
	}
}

func TestEnsureRefuses(t *testing.T) {
	m, _ := newTestManager(t)
	for _, name := range []string{"", ".", "..", "a/b", "../x", "a\x00b", strings.Repeat("n", 256)} {
		if _, err := m.Ensure(vr.Spec{NetNS: name}); err == nil {
			t.Errorf("name %q was accepted, want an error", name)
		}
	}
	for _, s := range []vr.Spec{
		{NetNS: "red", VRF: "red", Table: 1}, {VRF: "red"}, {VRF: "a/b", Table: 1}, {VRF: strings.Repeat("v", 16), Table: 1},
	} {
		if _, err := m.Ensure(s); err == nil {
			t.Errorf("%+v was accepted, want an error", s)
		}
	}

	// The file that `ip netns add` leaves when it is killed too early.
	stale := testName(t, "stale")
	path := filepath.Join(Directory, stale)
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	if _, err := m.Ensure(vr.Spec{NetNS: stale}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file without a namespace: error %v, want one that names the file", err)
	}
}

func TestRouterDeletedByAnotherProcess(t *testing.T) {
	m, deleted := newTestManager(t)
	name, witness := testName(t, "lost"), testName(t, "witness")
	first := ensure(t, m, name)

	// The other end of a veth pair disappears when the kernel deletes the namespace, that is when
	// no process has it open.
	other := ensure(t, m, witness)
	ip(t, "-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", witness)
	updates, done := make(chan netlink.LinkUpdate), make(chan struct{})
	defer close(done)
	if err := other.Do(func() error { return netlink.LinkSubscribe(updates, done) }); err != nil {
		t.Fatal(err)
	}

	ip(t, "netns", "del", name)
	if r := <-deleted; r != first {
		t.Fatalf("%s was reported, want %s", r.Name(), name)
	}
	for u := range updates {
		if u.Header.Type == unix.RTM_DELLINK && u.Attrs().Name == "v1" {
			break
		}
	}
	if err := first.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), name) {
		t.Errorf("Do in a deleted namespace: %v, want os.ErrClosed and its name", err)
	}

	// Deleted, and created again: first by Ensure, then by the operator before the manager noticed.
	second := ensure(t, m, name)
	if second == first || !second.Created() {
		t.Error("Ensure did not create the namespace again")
	}
	ip(t, "netns", "del", name)
	ip(t, "netns", "add", name)
	third := ensure(t, m, name)
	if r := <-deleted; r != second {
		t.Error("the replaced router was not reported")
	}
	if third.Created() {
		t.Error("the namespace created by the operator is marked as created by the manager")
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
		t.Error("Close removed a namespace that the operator created")
	}
}

func TestDo(t *testing.T) {
	m, _ := newTestManager(t)
	home := threadNamespace(t)
	routers := []*Router{ensure(t, m, testName(t, "red")), ensure(t, m, testName(t, "blue"))}

	// Many at once, one in another: each is in its namespace, and no thread stays there.
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

	failure := errors.New("failure")
	if err := routers[0].Do(func() error { return failure }); !errors.Is(err, failure) ||
		!strings.Contains(err.Error(), routers[0].Name()) {
		t.Errorf("error %v, want it to wrap the function's error and to name the router", err)
	}
	if err := routers[0].Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("a function that ended its goroutine: no error")
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
