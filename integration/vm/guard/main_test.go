// Package guard tests the protection of flows, floor and strongSwan together, in the virtual
// machine of integration/vm: two charons in two namespaces, traffic that never stops, and a watch
// on the wire between them that no packet passes in clear.
package guard

import (
	"os"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.Main(m)) }
