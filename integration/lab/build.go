package lab

import (
	"os"
	"os/exec"
)

// Build compiles l2tpvld and l2tpvl-ctl into dir. The arguments flags are further flags and
// packages for "go build". The working directory must be inside the module.
func Build(dir string, flags ...string) error {
	args := append([]string{"build", "-o", dir + string(os.PathSeparator)}, flags...)
	return run(exec.Command("go", append(args, "github.com/l2tpvl/l2tpvl/cmd/...")...))
}
