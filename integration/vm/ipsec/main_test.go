// Package ipsec tests links that require IPsec between two daemons, in the virtual machine of
// integration/vm: a charon beside each daemon, customers whose traffic never stops, and a watch on
// the provider network that fails the test for each unencrypted packet of a protected link.
package ipsec

import (
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.MainWithPrograms(m)) }
