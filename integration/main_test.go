// Package integration has two PEs run for real, as processes in network namespaces, and looks at
// them as an operator, a customer and a wiretap would.
package integration

import (
	"fmt"
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// binaries is the directory of the daemon and its client: that of the environment variable
// L2TPVL_BIN, or one that TestMain fills.
var binaries string

func TestMain(m *testing.M) {
	status, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration tests:", err)
		status = 1
	}
	os.Exit(status)
}

func runTests(m *testing.M) (status int, err error) {
	if os.Geteuid() != 0 {
		return m.Run(), nil // newRig skips
	}
	if binaries = os.Getenv("L2TPVL_BIN"); binaries != "" {
		return m.Run(), nil
	}
	if binaries, err = os.MkdirTemp("", "l2tpvl-bin-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(binaries)
	if err := lab.Build(binaries, buildFlags...); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
