// Package pppol2tp has Debian's pppd at the far end of our sessions, as an LNS would: its plugin
// pppol2tp takes a socket of the kernel's PPP over L2TP. So all of PPP, and what carries it, is by
// others there. Only the control connection, which no other program speaks, is ours: l2tp/control.
//
//	VR of PE1                                                                                    PE2
//	vl-red-pe2 - l2tpvld ----------- control messages ----------- farEnd ----- session ----- L2TP of the kernel
//	              `----------------- data messages ------------------------------------------ `- pppd - ppp1
//
// Without signalling ql2tpd, of katalix/go-l2tp, stands in the place of farEnd.
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
