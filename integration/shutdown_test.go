package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// On SIGTERM the daemon ends its sessions and the control connection, and removes what it created
// and nothing else.
func TestShutdown(t *testing.T) {
	r := newRig(t, lab.Options{})
	red, blue := r.PE1.Sites["red"], r.PE1.Sites["blue"]
	r.must(red.CreateVR()) // red's router exists before, blue's is created by the daemon
	r.startBoth()
	iface := r.link(r.PE1, "red").Interface
	names, err := red.VR.Interfaces()
	r.must(err)
	if !slices.Contains(names, iface) || !blue.VR.Exists() {
		t.Fatalf("before the shutdown: interfaces %q in %s, want %s among them; %s exists: %v, want true",
			names, red.VR, iface, blue.VR, blue.VR.Exists())
	}

	c := r.capture(r.PE1.NS, lab.ProviderInterface)
	r.stop(r.PE1)

	for _, vpn := range r.VPNs {
		r.waitLink(r.PE2, vpn, "not up, with a reason", func(l api.Link) bool { return l.State != api.LinkUp && l.Reason != "" })
	}
	var sent []l2tp.MessageType
	for _, f := range r.readCapture(c) {
		if f.HasType && f.Source.Addr() == r.PE1.Address {
			sent = append(sent, f.Type)
		}
	}
	if !slices.Contains(sent, l2tp.CDN) || !slices.Contains(sent, l2tp.StopCCN) {
		t.Errorf("PE1 sent %v during the shutdown, want CDN and StopCCN among them", sent)
	}
	if slices.Index(sent, l2tp.StopCCN) < slices.Index(sent, l2tp.CDN) {
		t.Errorf("PE1 sent %v, want CDN before StopCCN", sent)
	}

	if names, err = red.VR.Interfaces(); err != nil {
		t.Errorf("the router that existed before the daemon was deleted: %v", err)
	} else if slices.Contains(names, iface) {
		t.Errorf("interfaces %q are left in %s", names, red.VR)
	}
	if blue.VR.Exists() {
		t.Errorf("namespace %s, which the daemon created, still exists", blue.VR)
	}
}

// The daemon ends although its peer does not answer.
func TestShutdownWithoutAnswer(t *testing.T) {
	r := newRig(t, existingVRs)
	r.startBoth()
	r.must(r.CutProvider())
	r.stop(r.PE1)
	if names, err := r.PE1.Sites["red"].VR.Interfaces(); err != nil || slices.ContainsFunc(names, isLinkInterface) {
		t.Errorf("interfaces %q are left (%v)", names, err)
	}
	r.must(r.RestoreProvider())
}

func isLinkInterface(name string) bool { return strings.HasPrefix(name, "vl-") }
