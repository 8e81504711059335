package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newLab creates a lab with virtual routers for one test.
func newLab(t *testing.T) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces require root: use make test-netns")
	}
	l, err := New(Options{CreateVRs: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// joinRed connects the two virtual routers of red by a veth pair, like a virtual link.
func joinRed(t *testing.T, l *Lab) {
	t.Helper()
	a, b := l.PE1.Sites["red"], l.PE2.Sites["red"]
	for _, err := range []error{
		a.VR.IP("link add wire type veth peer name wire netns "+string(b.VR), "link set wire up", "addr add 10.255.0.0/31 dev wire"),
		b.VR.IP("link set wire up", "addr add 10.255.0.1/31 dev wire"),
		a.VR.IP(fmt.Sprintf("route add %s via 10.255.0.1", b.Subnet)),
		b.VR.IP(fmt.Sprintf("route add %s via 10.255.0.0", a.Subnet)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ping sends pings and returns the number of answers.
func ping(t *testing.T, from Namespace, to netip.Addr, p Ping) int {
	t.Helper()
	pong, err := from.Ping(t.Context(), to, p)
	if err != nil {
		t.Fatal(err)
	}
	return pong.Received
}

func TestLabConnectivity(t *testing.T) {
	l := newLab(t)
	for _, pe := range l.PEs() {
		if got := ping(t, pe.NS, pe.Peer.Address, Ping{Count: 1}); got != 1 {
			t.Errorf("%s: %d of 1 ping to its peer answered", pe.Name, got)
		}
		for _, vpn := range l.VPNs {
			site := pe.Sites[vpn]
			if got := ping(t, site.Host, site.Router, Ping{Count: 1}); got != 1 {
				t.Errorf("%s: %d of 1 ping to its router answered", site.Host, got)
			}
		}
	}
}

func TestCutAndRestoreProvider(t *testing.T) {
	l := newLab(t)
	if err := l.CutProvider(); err != nil {
		t.Fatal(err)
	}
	pong, err := l.PE1.NS.Ping(t.Context(), l.PE2.Address, Ping{Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	if pong.Received != 0 || strings.Contains(pong.Output, "not permitted") {
		t.Errorf("ping after CutProvider: want no answer and no error, got\n%s", pong.Output)
	}
	if err := l.RestoreProvider(); err != nil {
		t.Fatal(err)
	}
	if got := ping(t, l.PE1.NS, l.PE2.Address, Ping{Count: 1}); got != 1 {
		t.Error("ping after RestoreProvider: no answer")
	}
}

func TestLabTransferAndIsolation(t *testing.T) {
	l := newLab(t)
	joinRed(t, l)
	const octets = 1 << 20
	got, err := l.PE1.Sites["red"].Transfer(t.Context(), l.PE2.Sites["red"], octets)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Intact() || got.Octets != octets || got.Rate() <= 0 {
		t.Errorf("transfer: want %d octets intact and a rate, got %+v", octets, got)
	}
	if got := ping(t, l.PE1.Sites["blue"].Host, l.PE2.Sites["blue"].Address, Ping{Count: 1}); got != 0 {
		t.Error("a ping in blue was answered, although its routers are not connected")
	}
}

func TestCaptureIsComplete(t *testing.T) {
	l := newLab(t)
	c, err := l.StartCapture(l.PE1.NS, ProviderInterface)
	if err != nil {
		t.Fatal(err)
	}
	const datagrams = 500
	from := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.77"), 4711) // an unused address
	for i := range datagrams {
		payload := fmt.Appendf(nil, "datagram <%d>", i)
		if err := l.PE2.NS.Inject(from, netip.AddrPortFrom(l.PE1.Address, 4712), payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	captured, err := os.ReadFile(c.File)
	if err != nil {
		t.Fatal(err)
	}
	for i := range datagrams {
		if !bytes.Contains(captured, fmt.Appendf(nil, "datagram <%d>", i)) {
			t.Fatalf("datagram %d is missing", i)
		}
	}
}

// A lab is removed also when its process is killed. The test runs itself as that process.
func TestLabIsRemovedWithItsProcess(t *testing.T) {
	if os.Getenv("LAB_TO_BE_KILLED") != "" {
		l, err := New(Options{CreateVRs: true})
		if err != nil {
			t.Fatal(err)
		}
		sleeper := l.PE1.NS.Command(context.Background(), "sleep", "1h")
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("created %s %s %d\n", l.Prefix, l.Dir, sleeper.Process.Pid)
		select {}
	}
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces require root: use make test-netns")
	}
	child := exec.Command(os.Args[0], "-test.run=^TestLabIsRemovedWithItsProcess$")
	child.Env = append(os.Environ(), "LAB_TO_BE_KILLED=1")
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var prefix, dir string
	var pid int
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "created %s %s %d", &prefix, &dir, &pid); n == 3 {
			break
		}
	}
	if prefix == "" {
		t.Fatal("the child process created no lab")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // reports that it was killed

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := Wait(ctx, "removal of the lab", func() (bool, string, error) {
		var left []string
		namespaces, err := filepath.Glob("/run/netns/" + prefix + "-*")
		if err != nil {
			return false, "", err
		}
		left = append(left, namespaces...)
		for _, path := range []string{dir, fmt.Sprintf("/proc/%d", pid)} {
			if _, err := os.Stat(path); err == nil {
				left = append(left, path)
			}
		}
		return len(left) == 0, fmt.Sprint(left), nil
	}); err != nil {
		t.Error(err)
	}
}
