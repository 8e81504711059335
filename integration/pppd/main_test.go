// Package pppd tests package ppp against an independent implementation: Debian's pppd, with the PPP
// of Debian's kernel. The tests run in the virtual machine of integration/vm. A pseudo-terminal
// (pty) connects the two ends:
//
//	namespace of pppd                                namespace of our end
//	ppp0 - kernel's PPP - pppd - slave | pty | master - hdlc - ppp.Link - TUN
package pppd

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) {
	if vm.Inside() {
		if err := errors.Join(hideSettings(), loadModules()); err != nil {
			fmt.Fprintln(os.Stderr, "pppd:", err)
			os.Exit(1)
		}
	}
	os.Exit(vm.Main(m))
}

// secrets is the content of /etc/ppp/chap-secrets and /etc/ppp/pap-secrets. Columns: client,
// server, secret, addresses that the client may have.
const secrets = "ours theirs \"our secret\" *\ntheirs ours \"their secret\" *\n"

// hideSettings mounts a folder over /etc/ppp, so that pppd uses no options and scripts of this
// machine.
func hideSettings() error {
	const folder = "/etc/ppp"
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount tmpfs at %s: %w", folder, err)
	}
	for name, content := range map[string]string{"options": "", "chap-secrets": secrets, "pap-secrets": secrets} {
		if err := os.WriteFile(folder+"/"+name, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// loadModules loads the kernel modules that the first pppd would otherwise wait for.
func loadModules() error {
	out, err := exec.Command("/sbin/modprobe", "--all", "tun", "ppp_async", "ppp_deflate", "bsd_comp").CombinedOutput()
	if err != nil {
		return fmt.Errorf("modprobe: %w: %s", err, out)
	}
	return nil
}
