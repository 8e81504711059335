// Package links tests whole links in the virtual machine of integration/vm: two daemons, customers
// with the same addresses, and the data planes and virtual routers that the kernel of a container
// often lacks.
package links

import (
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.MainWithPrograms(m)) }
