// Package guard tests the protection of flows by floor and strongSwan together, in the virtual
// machine of integration/vm. Two namespaces have a charon each and exchange traffic without end; a
// watch on the wire between them fails the test for each unencrypted packet.
package guard

import (
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.Main(m)) }
