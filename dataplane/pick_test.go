package dataplane

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestPick(t *testing.T) {
	for _, tt := range []struct {
		support Support
		reason  string
	}{
		{Support{}, "the kernel has L2TP and PPP, but the kernel data plane is not built yet"},
		{Support{Missing: []string{"no L2TP"}}, "no L2TP"},
		{Support{Missing: []string{"no L2TP", "no PPP"}}, "no L2TP; no PPP"},
	} {
		if tt.support.Kernel() != (len(tt.support.Missing) == 0) {
			t.Errorf("Kernel() is %v with %q missing", tt.support.Kernel(), tt.support.Missing)
		}
		if name, reason := tt.support.Pick(); name != "userspace" || reason != tt.reason {
			t.Errorf("%q: picked %q as %q, want userspace as %q", tt.support.Missing, name, reason, tt.reason)
		}
	}
}

// Detect sees what ip(8) and the file system see.
func TestDetect(t *testing.T) {
	support := Detect()
	misses := func(what string) bool {
		return slices.ContainsFunc(support.Missing, func(s string) bool { return strings.Contains(s, what) })
	}
	if out, err := exec.Command("ip", "l2tp", "show", "tunnel").CombinedOutput(); misses("L2TP") != (err != nil) {
		t.Errorf("missing %q, but ip l2tp says: %v %s", support.Missing, err, out)
	}
	file, err := os.OpenFile("/dev/ppp", os.O_RDWR, 0)
	if err == nil {
		file.Close()
	}
	if misses("PPP") != (err != nil) {
		t.Errorf("missing %q, but /dev/ppp says: %v", support.Missing, err)
	}
	t.Logf("missing: %q", support.Missing)
}
