package guard

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/ipsec/guard"
)

// A second daemon in the same network namespace.
func testOtherDaemon(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	second := guard.New(guard.Options{Socket: s.charon.Socket})
	r.Must(s.pe.NS.Do(func() error { return second.Tidy(nil) }))
	other := s.peer
	other.Name, other.Flow.LocalPort, other.Flow.RemotePort = "pe9", 1709, 1709
	if err := s.pe.NS.Do(func() error { return second.Protect(other) }); err == nil || !strings.Contains(err.Error(), "want one daemon in each network namespace") {
		t.Errorf("the second daemon protects something here: %v", err)
	}
	r.Must(second.Close())
	for _, table := range []string{"l2tpvl", "l2tpvl-owned"} {
		if rules := s.run("nft", "list", "table", "inet", table); !strings.Contains(rules, "1701") || strings.Contains(rules, "1709") {
			t.Errorf("the floor is not the first daemon's: %s", rules)
		}
	}
	if conns, err := s.charon.Connections(); err != nil || !slices.Contains(conns, "l2tpvl-"+s.peer.Name) {
		t.Errorf("strongSwan has %q of the first daemon's, %v", conns, err)
	}
	r.waitTraffic()
}

// Somebody has our table, and does not let go of it for a time.
func testRestoredLater(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	since := s.eventCount()
	nft := s.pe.NS.Command(r.Ctx, "nft", "-i")
	in, err := nft.StdinPipe()
	r.Must(err)
	out, err := nft.StdoutPipe()
	r.Must(err)
	nft.Stderr = nft.Stdout
	r.Must(nft.Start())
	fmt.Fprintln(in, "delete table inet l2tpvl; table inet l2tpvl { flags owner; }")
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			t.Log(lines.Text())
		}
	}()
	s.waitEvent(since, ipsec.FloorLost)
	if s.guard.Status(s.peer.Name).Floor {
		t.Error("a table without rules is taken for the floor")
	}
	r.waitTraffic()
	since = s.eventCount()
	r.Must(in.Close())
	r.Must(nft.Wait())
	s.waitEvent(since, ipsec.FloorRestored)
	r.Wait("the floor", func() (bool, string, error) { status := s.status(); return status.Floor, labtest.AsJSON(status), nil })
	r.waitTraffic()
}
