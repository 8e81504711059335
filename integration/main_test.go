// Package integration tests two or three PEs with real daemons, as processes in network namespaces.
// The tests check what operators, customers and an observer of the provider network can see. They
// need root.
package integration

import (
	"fmt"
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// binaries is the directory of l2tpvld and l2tpvl-ctl: that in the environment variable L2TPVL_BIN,
// or one into which TestMain builds them.
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
		return m.Run(), nil // newRig fails without root
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
