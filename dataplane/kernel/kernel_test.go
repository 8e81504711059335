package kernel

import (
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/dataplane/planetest"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// All tests run in the virtual machine, whose kernel has L2TP and PPP.
func TestMain(m *testing.M) { os.Exit(vm.Main(m)) }

func TestPlane(t *testing.T) { planetest.Run(t, Plane{}, Plane{}) }

// The two data planes understand each other.
func TestWithUserspace(t *testing.T) { planetest.Run(t, Plane{}, userspace.Plane{}) }
