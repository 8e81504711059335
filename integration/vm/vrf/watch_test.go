package vrf

import (
	"fmt"
	"testing"

	"github.com/l2tpvl/l2tpvl/vr"
	"github.com/l2tpvl/l2tpvl/vr/linux"
)

// All VRFs share a namespace: a change of an interface's state is reported with the VRF of the
// interface, and not at all for an interface outside all VRFs.
func TestInterfaceStatesInVRFs(t *testing.T) {
	states := make(chan string, 64)
	m, err := linux.NewManager(func(*linux.Router) {}, func(r *linux.Router, ifname string, up bool) {
		states <- fmt.Sprintf("%s %s %v", r.Name(), ifname, up)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	want := func(line string) {
		t.Helper()
		if got := <-states; got != line {
			t.Fatalf("report %q, want %q", got, line)
		}
	}
	for _, spec := range []vr.Spec{red, blue} {
		r, name := ensure(t, m, spec), "vl-"+spec.VRF
		addTUN(t, r, name)
		if err := r.Configure(name, vr.Interface{Up: true, MTU: 1400}); err != nil {
			t.Fatal(err)
		}
		want(spec.VRF + " " + name + " true")
	}
	ip(t, "link add apart type dummy")
	defer ip(t, "link delete apart")
	ip(t, "link set apart up")
	ip(t, "link set vl-blue down")
	want("blue vl-blue false")
	ip(t, "link set vl-red down")
	want("red vl-red false")
	if up, err := ensure(t, m, red).IsUp("vl-red"); up || err != nil {
		t.Errorf("vl-red is up: %v, %v", up, err)
	}
	ip(t, "link set vl-red up")
	want("red vl-red true")
}
