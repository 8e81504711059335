package guide

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

// machine is a host with its own network, name, and folders /etc/l2tpvl, /etc/swanctl, /run and
// /var.
type machine struct {
	testing.TB
	name string
	pid  string // of the process whose namespaces form the host
}

// boot creates a machine. The project's programs and the test's systemctl are in its PATH.
func boot(t *testing.T, name string) *machine {
	t.Helper()
	tools, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	setUp := fmt.Sprintf(`set -e
		hostname %s
		for folder in /run /var/log /etc/l2tpvl /etc/swanctl /usr/local/bin; do
			mkdir -p $folder /tmp/keep$folder
			[ $folder = /etc/swanctl ] && cp -r $folder/. /tmp/keep$folder/ 2>/dev/null || true
			mount -t tmpfs tmpfs $folder
			cp -r /tmp/keep$folder/. $folder/
		done
		cp %s/* %s/systemctl /usr/local/bin/
		mkdir -p /run/netns /etc/swanctl/conf.d
		ip link set lo up
		echo ready
		exec sleep infinity`, name, vm.Programs(), tools)
	cmd := exec.Command("unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", setUp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ready := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(out, ready); err != nil || string(ready) != "ready\n" {
		t.Fatalf("%s did not start: %q, %v", name, ready, err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return &machine{t, name, strings.TrimSpace(string(children))}
}

// commandTimeout is longer than any command of the guide takes.
const commandTimeout = 2 * time.Minute

// run runs a command in a shell of the machine, and returns its output.
func (m *machine) run(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--target", m.pid, "--mount", "--net", "--uts", "--pid", "bash", "-c", command)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	cmd.WaitDelay = time.Second // services keep the pipe open
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must runs a command that is not a step of the guide.
func (m *machine) must(command string) {
	m.Helper()
	if out, err := m.run(command); err != nil {
		m.Fatalf("%s: %s: %v\n%s", m.name, command, err, out)
	}
}

// write creates a file, as with an editor, readable by its owner only because of the secrets.
func (m *machine) write(path, text string) {
	m.Helper()
	m.must(fmt.Sprintf("umask 077; mkdir -p %s; cat > %s <<'THE END OF THE FILE'\n%sTHE END OF THE FILE\n", filepath.Dir(path), path, text))
}
