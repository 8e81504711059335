package planetest_test

import (
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
)

// The userspace data plane runs everywhere, so the suite is tested with it.
func TestRun(t *testing.T) { planetest.Run(t, userspace.Plane{}, userspace.Plane{}) }
