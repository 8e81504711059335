// Package scale has many links between two daemons in the virtual machine of integration/vm, over the kernel data plane: that
// all come up, come back and go, and how long it takes beside pppd and xl2tpd.
package scale

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) {
	if vm.Inside() {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "scale:", err)
			os.Exit(1)
		}
	}
	os.Exit(vm.MainWithPrograms(m))
}

// prepare hides the settings of this machine from pppd, and loads the modules.
func prepare() error {
	const folder = "/etc/ppp"
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount tmpfs at %s: %w", folder, err)
	}
	if err := os.WriteFile(folder+"/options", nil, 0o600); err != nil {
		return err
	}
	if out, err := exec.Command("/sbin/modprobe", "--all", "l2tp_ppp", "l2tp_netlink").CombinedOutput(); err != nil {
		return fmt.Errorf("modprobe: %w: %s", err, out)
	}
	return nil
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
