package kernel

import (
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/probe"
)

// Detect finds out what this host's kernel lacks for this data plane. The queries make the kernel
// load its modules, where they are installed and may be loaded.
func Detect() dataplane.Support { return probe.Detect() }
