// Package ipsec tests links that require IPsec between two whole daemons, in the virtual machine of
// integration/vm: a charon beside each daemon, customers whose traffic never stops, and a watch on
// the provider's network that no packet of a protected link passes in clear.
package ipsec

import (
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.MainWithPrograms(m)) }
