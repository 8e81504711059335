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

// newLab is a lab with virtual routers for one test.
func newLab(t *testing.T) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: make test sees to it")
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

// joinRed joins the two red virtual routers by a wire, as a virtual link would.
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

// ping pings a few times and returns how many answers came.
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
			t.Errorf("%s does not reach its peer", pe.Name)
		}
		for _, vpn := range l.VPNs {
			site := pe.Sites[vpn]
			if got := ping(t, site.Host, site.Router, Ping{Count: 1}); got != 1 {
				t.Errorf("%s does not reach its router", site.Host)
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
		t.Errorf("across the cut:\n%s", pong.Output)
	}
	if err := l.RestoreProvider(); err != nil {
		t.Fatal(err)
	}
	if got := ping(t, l.PE1.NS, l.PE2.Address, Ping{Count: 1}); got != 1 {
		t.Error("no ping passes after the cut was mended")
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
		t.Errorf("transfer %+v", got)
	}
	if got := ping(t, l.PE1.Sites["blue"].Host, l.PE2.Sites["blue"].Address, Ping{Count: 1}); got != 0 {
		t.Error("blue, whose routers nothing joins, reached its other site")
	}
}

func TestCaptureIsComplete(t *testing.T) {
	l := newLab(t)
	c, err := l.StartCapture(l.PE1.NS, ProviderInterface)
	if err != nil {
		t.Fatal(err)
	}
	const datagrams = 500
	from := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.77"), 4711) // nobody's address
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

// A lab whose process is killed vanishes all the same. The test runs itself as that process.
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
		fmt.Printf("made %s %s %d\n", l.Prefix, l.Dir, sleeper.Process.Pid)
		select {}
	}
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: make test sees to it")
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
		if n, _ := fmt.Sscanf(lines.Text(), "made %s %s %d", &prefix, &dir, &pid); n == 3 {
			break
		}
	}
	if prefix == "" {
		t.Fatal("the child made no lab")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // says that it was killed

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := Wait(ctx, "the lab to vanish", func() (bool, string, error) {
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
