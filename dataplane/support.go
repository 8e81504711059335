package dataplane

import "strings"

// Support is what this host's kernel lacks for a kernel data plane.
type Support struct {
	// Missing has a sentence for each missing part: what it is and what would help.
	Missing []string

	// MissingOverIP is the same for what the kernel data plane additionally needs for peers over
	// IP.
	MissingOverIP []string
}

// Kernel reports whether the kernel has all that a kernel data plane needs.
func (s Support) Kernel() bool { return len(s.Missing) == 0 }

// Pick returns the name of the plane that `dataplane: auto` selects, and the reason in one line.
func (s Support) Pick() (name, reason string) {
	if s.Kernel() {
		return "kernel", "the kernel has L2TP and PPP"
	}
	return "userspace", strings.Join(s.Missing, "; ")
}
