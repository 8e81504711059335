// Package pppol2tp tests links with Debian's pppd at the remote end, as at an LNS: its plugin
// pppol2tp uses a socket of the kernel's PPP over L2TP. PPP and the data plane there are thus other
// implementations. Only the control connection is the project's own, l2tp/control, because no other
// program implements it.
//
//	VR of PE1                                                                PE2
//	vl-red-pe2 - l2tpvld ----- control messages ----- farEnd --- session --- L2TP of the kernel
//	              `----------- data messages -------------------------------- `- pppd - ppp1
//
// Without signalling, ql2tpd of katalix/go-l2tp replaces farEnd.
package pppol2tp

import (
	"fmt"
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) {
	if vm.Inside() {
		if err := vm.PreparePPPD(); err != nil {
			fmt.Fprintln(os.Stderr, "pppol2tp:", err)
			os.Exit(1)
		}
	}
	os.Exit(vm.MainWithPrograms(m, "github.com/katalix/go-l2tp/cmd/ql2tpd"))
}
