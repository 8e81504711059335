package dataplane

import "testing"

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
			t.Errorf("%q: picked %q because %q, want %q because %q", tt.support.Missing, name, reason, tt.name, tt.reason)
		}
	}
}
