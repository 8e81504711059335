package vm

import (
	"fmt"
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// programs is the environment variable with the directory of our programs.
const programs = "L2TPVL_BIN"

// Programs is the directory of our programs, as MainWithPrograms has built them.
func Programs() string { return os.Getenv(programs) }

// MainWithPrograms is Main for tests that run our programs, and those of other packages. These are
// built outside, where it takes less time, before the machine is started.
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
