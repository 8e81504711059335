package pppd

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// namespace is an unnamed network namespace.
type namespace struct {
	handle netns.Handle
	links  *netlink.Handle
}

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	handle, err := netns.New()
	if err != nil {
		t.Fatalf("network namespace: %v", err)
	}
	links, err := netlink.NewHandleAt(handle, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatalf("netlink socket in network namespace: %v", err)
	}
	n := &namespace{handle, links}
	t.Cleanup(func() {
		n.links.Close()
		n.handle.Close()
	})
	return n
}

// do calls f in the namespace; programs that f starts run there.
func (n *namespace) do(f func() error) error { return netns.Do(n.handle, f) }

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
