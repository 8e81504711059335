// Package pppd has Debian's pppd as the other end of package ppp's Link: an implementation by
// others, with the PPP of a stock kernel. It runs in the virtual machine of integration/vm.
//
//	namespace of pppd                                namespace of ours
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

// secrets is /etc/ppp/chap-secrets and /etc/ppp/pap-secrets: client, server, secret, addresses that
// the client may have.
const secrets = "ours theirs \"our secret\" *\ntheirs ours \"their secret\" *\n"

// hideSettings puts an empty folder over /etc/ppp, so that no option and no script is taken from
// this machine.
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

// loadModules loads what the first pppd would wait for.
func loadModules() error {
	out, err := exec.Command("/sbin/modprobe", "--all", "tun", "ppp_async", "ppp_deflate", "bsd_comp").CombinedOutput()
	if err != nil {
		return fmt.Errorf("modprobe: %w: %s", err, out)
	}
	return nil
}
