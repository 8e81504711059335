package vm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// These tests start the machine themselves. The tests in the folder guest check the machine from
// inside.
func TestMain(m *testing.M) {
	if Inside() {
		fmt.Fprintln(os.Stderr, "vm: these tests start the virtual machine and must run on the host")
		os.Exit(1)
	}
	// The first run reports what it installs and downloads. It runs here, so that no test takes
	// these reports for the output of a command.
	prepare := exec.Command(filepath.Join(filepath.Dir(runScript()), "prepare"))
	prepare.Stderr = os.Stderr
	if err := prepare.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "vm: cannot prepare the virtual machine:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// run runs a command in the machine, with further environment variables, and returns its outputs
// and exit status.
func run(t *testing.T, environment []string, command ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, err bytes.Buffer
	cmd := exec.Command(runScript(), command...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = &out, &err
	runErr := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](runErr); runErr != nil && !exited {
		t.Fatal(runErr)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

// A command has arguments, environment, directory, output, error output and exit status as on the
// host, and only files in the folders of VM_WRITABLE are kept.
func TestCommandRunsAsOnTheHost(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	argument := "it's \"two\"\n lines of $HOME"
	read, written := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(read, []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
		echo "$1"; echo "$VM_TEST"; pwd; cat "$2"
		echo problem >&2
		echo vm >"$2"; cat "$2"
		echo kept >"$3"
		sleep 1000 & # holds the pipes of output
		exit 7`
	stdout, stderr, status := run(t, []string{"VM_TEST=a=b 'c'", "VM_WRITABLE=" + filepath.Dir(written)},
		"sh", "-c", script, "sh", argument, read, written)

	if want := argument + "\na=b 'c'\n" + here + "\nhostvm\n"; stdout != want {
		t.Errorf("output %q, want %q", stdout, want)
	}
	if stderr != "problem\n" {
		t.Errorf("error output %q, want %q", stderr, "problem\n")
	}
	if status != 7 {
		t.Errorf("exit status %d, want 7", status)
	}
	for file, want := range map[string]string{read: "host", written: "kept\n"} {
		if got, err := os.ReadFile(file); string(got) != want {
			t.Errorf("%s on the host afterwards has %q (%v), want %q", file, got, err, want)
		}
	}
}

// All of a large output arrives.
func TestOutputIsComplete(t *testing.T) {
	const lines = 500_000
	stdout, _, status := run(t, nil, "seq", fmt.Sprint(lines))
	var want strings.Builder
	for i := range lines {
		fmt.Fprintln(&want, i+1)
	}
	if status != 0 || stdout != want.String() {
		t.Errorf("exit status %d and %d octets, want 0 and the numbers to %d in %d octets", status, len(stdout), lines, want.Len())
	}
}

// The exit status reports commands that do not exit by themselves, and failures of the machine.
func TestExitStatus(t *testing.T) {
	tests := []struct {
		name        string
		environment []string
		command     []string
		status      int
		stderr      string
	}{
		{"killed by SIGKILL", nil, []string{"sh", "-c", "kill -KILL $$"}, 128 + 9, ""},
		{"no such program", nil, []string{"no-such-program"}, 127, "no-such-program"},
		{"no command", nil, nil, 125, "usage:"},
		{"kernel panic", nil, []string{"sh", "-c", "echo c >/proc/sysrq-trigger"}, 125, "Kernel panic"},
		{"time-out", []string{"VM_TIMEOUT=5"}, []string{"sleep", "infinity"}, 125, "no end within 5 seconds"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, stderr, status := run(t, test.environment, test.command...)
			if status != test.status {
				t.Errorf("exit status %d, want %d; error output: %s", status, test.status, stderr)
			}
			if !strings.Contains(stderr, test.stderr) {
				t.Errorf("error output %q lacks %q", stderr, test.stderr)
			}
		})
	}
}
