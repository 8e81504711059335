package pppd

import (
	"fmt"
	"os/exec"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespace is an unnamed network namespace.
type namespace struct {
	handle netns.NsHandle
	links  *netlink.Handle
}

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := new(namespace)
	err := onThread(func() (err error) {
		if n.handle, err = netns.New(); err != nil {
			return err
		}
		n.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		t.Fatalf("network namespace: %v", err)
	}
	t.Cleanup(func() {
		n.links.Close()
		n.handle.Close()
	})
	return n
}

// do calls f in the namespace; programs that f starts run there.
func (n *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.handle); err != nil {
			return err
		}
		return f()
	})
}

// onThread calls f on a thread of its own that ends after f, so that f may change the namespace.
func onThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- f()
	}()
	return <-result
}

// ping sends one echo request with size octets of data and fails the test if no reply is received.
// IPv4 packets are not fragmented.
func (n *namespace) ping(t *testing.T, addr string, size int) {
	t.Helper()
	var out []byte
	err := n.do(func() (err error) {
		out, err = exec.Command("ping", "-n", "-c", "1", "-W", "20", "-M", "do", "-s", fmt.Sprint(size), addr).CombinedOutput()
		return err
	})
	if err != nil {
		t.Errorf("ping %s with %d octets: %v\n%s", addr, size, err, out)
	}
}
