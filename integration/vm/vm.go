// Package vm runs the tests of a package in a virtual machine with Debian's stock kernel; see
// README.md. A package calls Main, or MainWithPrograms, in its TestMain.
package vm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Inside reports whether this process runs in the virtual machine.
func Inside() bool { return os.Getenv("L2TPVL_VM") != "" }

// Main runs the tests in the virtual machine and returns the status for os.Exit. On the host it
// starts this test binary in the machine, with its flags. Tests that need the machine are therefore
// never skipped: without a machine they fail.
func Main(m *testing.M) int {
	if Inside() {
		return m.Run()
	}
	binary, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		return 1
	}
	runtime.LockOSThread() // Pdeathsig is sent when the thread that started the process ends
	cmd := exec.Command(runScript(), append([]string{binary}, os.Args[1:]...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		return 1
	}
	return 0
}

// runScript returns the path of the script that starts the machine, in the folder of this file.
func runScript() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "run")
}
