// Package links tests whole links in the virtual machine of integration/vm: two daemons, customers with the same addresses,
// and between them the data planes and virtual routers that the kernel of a container often does not have.
package links

import (
	"fmt"
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// binaries is the environment variable with the directory of our programs.
const binaries = "L2TPVL_BIN"

func TestMain(m *testing.M) {
	status, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "links:", err)
		status = 1
	}
	os.Exit(status)
}

// runTests builds our programs on the host, where it takes less time, before the machine is started.
func runTests(m *testing.M) (status int, err error) {
	if vm.Inside() {
		return vm.Main(m), nil
	}
	dir, err := os.MkdirTemp("", "l2tpvl-bin-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	for name, value := range map[string]string{"CGO_ENABLED": "0", binaries: dir} {
		if err := os.Setenv(name, value); err != nil {
			return 0, err
		}
	}
	if err := lab.Build(dir); err != nil {
		return 0, fmt.Errorf("building for the virtual machine: %w", err)
	}
	return vm.Main(m), nil
}
