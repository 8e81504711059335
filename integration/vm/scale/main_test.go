// Package scale has many links between two daemons in the virtual machine of integration/vm, over
// the kernel data plane: that all come up, come back and go, and how long it takes beside pppd and
// xl2tpd.
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

// links is how many there are to be: L2TPVL_LINKS, else so few that it does not take long.
func links(t *testing.T) int {
	t.Helper()
	text := os.Getenv("L2TPVL_LINKS")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("L2TPVL_LINKS=%s: want a number of links", text)
	}
	return n
}
