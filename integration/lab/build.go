package lab

import (
	"os"
	"os/exec"
)

// Build compiles the daemon and its client into dir, with the given further flags of "go build", or
// packages. It must be called from inside the module.
func Build(dir string, flags ...string) error {
	args := append([]string{"build", "-o", dir + string(os.PathSeparator)}, flags...)
	return run(exec.Command("go", append(args, "github.com/l2tpvl/l2tpvl/cmd/...")...))
}
