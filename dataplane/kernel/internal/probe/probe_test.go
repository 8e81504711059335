package probe

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
)

// Detect agrees with ip(8), with the file system, and with socket(2).
func TestDetect(t *testing.T) {
	support := Detect()
	misses := func(what string) bool {
		return slices.ContainsFunc(slices.Concat(support.Missing, support.MissingOverIP), func(s string) bool {
			return strings.Contains(s, "kernel has no "+what+" (") || strings.Contains(s, "query the kernel for "+what+":")
		})
	}
	if out, err := exec.Command("ip", "l2tp", "show", "tunnel").CombinedOutput(); misses("L2TP") != (err != nil) {
		t.Errorf("missing %q, but ip l2tp returned %v: %s", support.Missing, err, out)
	}
	file, err := os.OpenFile("/dev/ppp", os.O_RDWR, 0)
	if err == nil {
		file.Close()
	}
	if misses("PPP") != (err != nil) {
		t.Errorf("missing %q, but opening /dev/ppp returned %v", support.Missing, err)
	}
	for _, tt := range []struct {
		what             string
		family, protocol int
	}{
		{"PPP over L2TP", unix.AF_PPPOX, uapi.ProtocolL2TP},
		{"L2TP over IPv4", unix.AF_INET, unix.IPPROTO_L2TP},
		{"L2TP over IPv6", unix.AF_INET6, unix.IPPROTO_L2TP},
	} {
		fd, err := unix.Socket(tt.family, unix.SOCK_DGRAM, tt.protocol)
		if err == nil {
			unix.Close(fd)
		}
		if misses(tt.what) != (err != nil) {
			t.Errorf("missing %q and over IP %q, but a socket of %s returned %v", support.Missing, support.MissingOverIP, tt.what, err)
		}
	}
	t.Logf("missing: %q, over IP: %q", support.Missing, support.MissingOverIP)
}
