package vm

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// PreparePPPD prepares the virtual machine for pppd: it hides the settings of pppd on the host, and
// loads the kernel modules.
func PreparePPPD() error {
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
