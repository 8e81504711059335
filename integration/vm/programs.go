package vm

import (
	"fmt"
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// programs is the environment variable with the directory of the built programs.
const programs = "L2TPVL_BIN"

// Programs returns the directory of the programs that MainWithPrograms has built.
func Programs() string { return os.Getenv(programs) }

// MainWithPrograms is Main for tests that run the project's programs, and those of other packages.
// The programs are built on the host, which is faster, before the machine starts.
func MainWithPrograms(m *testing.M, others ...string) int {
	if Inside() {
		return m.Run()
	}
	status, err := buildAndRun(m, others)
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		return 1
	}
	return status
}

func buildAndRun(m *testing.M, others []string) (status int, err error) {
	dir, err := os.MkdirTemp("", "l2tpvl-bin-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	for name, value := range map[string]string{"CGO_ENABLED": "0", programs: dir} {
		if err := os.Setenv(name, value); err != nil {
			return 0, err
		}
	}
	if err := lab.Build(dir, others...); err != nil {
		return 0, fmt.Errorf("building for the virtual machine: %w", err)
	}
	return Main(m), nil
}
