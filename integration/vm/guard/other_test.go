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

// A second daemon in the same network namespace protects nothing, and changes nothing of the first.
func testSecondDaemon(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	second := guard.New(guard.Options{Socket: s.charon.Socket})
	r.Must(s.pe.NS.Do(func() error { return second.Tidy(nil) }))
	other := s.peer
	other.Name, other.Flow.LocalPort, other.Flow.RemotePort = "pe9", 1709, 1709
	if err := s.pe.NS.Do(func() error { return second.Protect(other) }); err == nil || !strings.Contains(err.Error(), "want one daemon in each network namespace") {
		t.Errorf("the second daemon protects a flow: %v", err)
	}
	r.Must(second.Close())
	for _, table := range []string{"l2tpvl", "l2tpvl-owned"} {
		if rules := s.run("nft", "list", "table", "inet", table); !strings.Contains(rules, "1701") || strings.Contains(rules, "1709") {
			t.Errorf("the floor is not that of the first daemon: %s", rules)
		}
	}
	if conns, err := s.charon.Connections(); err != nil || !slices.Contains(conns, s.connection()) {
		t.Errorf("strongSwan has the connections %q, %v; want that of the first daemon", conns, err)
	}
	r.waitTraffic()
}

// Another process owns a table of our name, and releases it later.
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
		t.Error("a table without rules counts as the floor")
	}
	r.waitTraffic()
	since = s.eventCount()
	r.Must(in.Close())
	r.Must(nft.Wait())
	s.waitEvent(since, ipsec.FloorRestored)
	r.Wait("the floor", func() (bool, string, error) { status := s.status(); return status.Floor, labtest.AsJSON(status), nil })
	r.waitTraffic()
}
