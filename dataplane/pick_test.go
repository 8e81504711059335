package dataplane

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPick(t *testing.T) {
	for _, tt := range []struct {
		support      Support
		name, reason string
	}{
		{Support{}, "kernel", "the kernel has L2TP and PPP"},
		{Support{Missing: []string{"no L2TP"}}, "userspace", "no L2TP"},
		{Support{Missing: []string{"no L2TP", "no PPP"}}, "userspace", "no L2TP; no PPP"},
	} {
		if tt.support.Kernel() != (len(tt.support.Missing) == 0) {
			t.Errorf("Kernel() is %v with %q missing", tt.support.Kernel(), tt.support.Missing)
		}
		if name, reason := tt.support.Pick(); name != tt.name || reason != tt.reason {
			t.Errorf("%q: picked %q as %q, want %q as %q", tt.support.Missing, name, reason, tt.name, tt.reason)
		}
	}
}

// Detect sees what ip(8), the file system and the list of socket protocols say.
func TestDetect(t *testing.T) {
	support := Detect()
	misses := func(what string) bool {
		return slices.ContainsFunc(slices.Concat(support.Missing, support.MissingOverIP), func(s string) bool {
			return strings.Contains(s, "kernel has no "+what+" (") || strings.Contains(s, "kernel's "+what+" cannot be asked")
		})
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
	for _, tt := range []struct {
		what             string
		family, protocol int
	}{
		{"PPP over L2TP", unix.AF_PPPOX, protocolOL2TP},
		{"L2TP over IPv4", unix.AF_INET, unix.IPPROTO_L2TP},
		{"L2TP over IPv6", unix.AF_INET6, unix.IPPROTO_L2TP},
	} {
		fd, err := unix.Socket(tt.family, unix.SOCK_DGRAM, tt.protocol)
		if err == nil {
			unix.Close(fd)
		}
		if misses(tt.what) != (err != nil) {
			t.Errorf("missing %q and over IP %q, but a socket of %s says: %v", support.Missing, support.MissingOverIP, tt.what, err)
		}
	}
	t.Logf("missing: %q, over IP: %q", support.Missing, support.MissingOverIP)
}
