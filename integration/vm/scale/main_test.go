// Package scale tests many links between two daemons over the kernel data plane, in the virtual
// machine of integration/vm: all come up, come back after a crash, and are removed. Its benchmark
// compares the rates with those of xl2tpd and pppd.
package scale

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) {
	if vm.Inside() {
		if err := vm.PreparePPPD(); err != nil {
			fmt.Fprintln(os.Stderr, "scale:", err)
			os.Exit(1)
		}
	}
	os.Exit(vm.MainWithPrograms(m))
}

// links returns the number of links: L2TPVL_LINKS, or a small number for a short test.
func links(t *testing.T) int {
	t.Helper()
	text := os.Getenv("L2TPVL_LINKS")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("L2TPVL_LINKS=%s; expected a positive number of links", text)
	}
	return n
}
