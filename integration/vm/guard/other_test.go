package guard

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/ipsec/guard"
)

// A second daemon in the same network namespace.
func testOtherDaemon(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	second := guard.New(guard.Options{Socket: s.charon.Socket})
	r.must(s.pe.NS.Do(func() error { return second.Tidy(nil) }))
	other := s.peer
	other.Name, other.Flow.LocalPort, other.Flow.RemotePort = "pe9", 1709, 1709
	if err := s.pe.NS.Do(func() error { return second.Protect(other) }); err == nil || !strings.Contains(err.Error(), "want one daemon in a network namespace") {
		t.Errorf("the second daemon protects something here: %v", err)
	}
	r.must(second.Close())
	for _, table := range []string{"l2tpvl", "l2tpvl-owned"} {
		if rules := s.run("nft", "list", "table", "inet", table); !strings.Contains(rules, "1701") || strings.Contains(rules, "1709") {
			t.Errorf("the floor is not the first daemon's: %s", rules)
		}
	}
	if conns, err := s.charon.Connections(); err != nil || !slices.Contains(conns, "l2tpvl-"+s.peer.Name) {
		t.Errorf("strongSwan has %q of the first daemon's, %v", conns, err)
	}
	r.passes()
}

// Somebody has our table, and does not let go of it for a time.
func testRestoredLater(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	since := s.heard()
	nft := s.pe.NS.Command(r.ctx, "nft", "-i")
	in, err := nft.StdinPipe()
	r.must(err)
	out, err := nft.StdoutPipe()
	r.must(err)
	nft.Stderr = nft.Stdout
	r.must(nft.Start())
	fmt.Fprintln(in, "delete table inet l2tpvl; table inet l2tpvl { flags owner; }")
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			t.Log(lines.Text())
		}
	}()
	s.told(since, ipsec.FloorLost)
	if s.guard.Status(s.peer.Name).Floor {
		t.Error("a table without rules is taken for the floor")
	}
	r.passes()
	since = s.heard()
	r.must(in.Close())
	r.must(nft.Wait())
	s.told(since, ipsec.FloorRestored)
	r.wait("the floor", func() (bool, string, error) { status := s.status(); return status.Floor, asJSON(status), nil })
	r.passes()
}
