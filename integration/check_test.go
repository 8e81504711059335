package integration

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/l2tpvl/l2tpvl/integration/lab"
)

// badConfig has several mistakes. All must be reported together, each with its key.
const badConfig = `
local:
  hostname: pe1
  router_id: pe1
peers:
  pe2:
    address: 192.0.2.256
    secret_file: %[1]s/no-such-secret
    helo: 10s
vpns:
  red:
    vpn_id: 00005e:00000001
    vr: {netns: %[2]s}
    links:
      - {peer: pe2}
      - {peer: pe2}
  blue:
    vpn_id: 5e:1
    vr: {netns: %[3]s}
    links:
      - {peer: pe9}
      - {peer: pe2, interface: a-name-too-long-for-linux}
api: {socket: %[4]s}
`

// badConfigErrors has the words that the output of --check must contain. Each list must be in one
// line.
var badConfigErrors = [][]string{
	{"local.router_id", "pe1"},
	{"peers.pe2.address", "192.0.2.256"},
	{"peers.pe2.secret_file", "no-such-secret"},
	{"peers.pe2.helo", "hello"},
	{"vpns.red.links", "pe2"},
	{"vpn_id", "00005e:00000001", "red", "blue"},
	{"vpns.blue.links[0].peer", "pe9"},
	{"vpns.blue.links[1].interface", "a-name-too-long-for-linux", "15"},
}

func TestCheckReportsAllErrorsAndChangesNothing(t *testing.T) {
	r := newRig(t, lab.Options{})
	file := filepath.Join(r.Dir, "bad.yaml")
	red, blue := r.PE1.Sites["red"].VR, r.PE1.Sites["blue"].VR
	text := fmt.Sprintf(badConfig, r.Dir, red, blue, r.PE1.Socket())
	r.must(os.WriteFile(file, []byte(text), 0o600))

	before := r.traces(r.PE1)
	output, err := r.PE1.Check(r.ctx, file)
	if err == nil {
		t.Error("l2tpvld --check accepts an invalid configuration")
	}
	for _, words := range badConfigErrors {
		if !anyLine(output, words) {
			t.Errorf("no line of the output contains all of %q", words)
		}
	}
	if t.Failed() {
		t.Logf("output of l2tpvld --check:\n%s", output)
	}
	if after := r.traces(r.PE1); !maps.Equal(before, after) {
		t.Errorf("after --check: %v, want %v as before", after, before)
	}
}

func TestCheckOfValidFileChangesNothing(t *testing.T) {
	r := newRig(t, lab.Options{})
	text, err := r.PE1.Config().YAML()
	r.must(err)
	r.must(os.WriteFile(r.PE1.ConfigFile(), text, 0o600))
	before := r.traces(r.PE1)
	if output, err := r.PE1.Check(r.ctx, r.PE1.ConfigFile()); err != nil {
		t.Errorf("l2tpvld --check: %v\n%s", err, output)
	}
	if after := r.traces(r.PE1); !maps.Equal(before, after) {
		t.Errorf("after --check: %v, want %v as before", after, before)
	}
}

// The daemon refuses an invalid file before it creates anything.
func TestDaemonRefusesInvalidFile(t *testing.T) {
	r := newRig(t, lab.Options{})
	c := r.PE1.Config()
	blue := c.VPNs["blue"]
	blue.VPNID = "all of them"
	c.VPNs["blue"] = blue
	before := r.traces(r.PE1)
	if err := r.PE1.Start(r.ctx, c); err == nil {
		t.Fatal("l2tpvld starts with an invalid configuration")
	}
	log, err := os.ReadFile(r.PE1.LogFile())
	r.must(err)
	if !anyLine(string(log), []string{"vpns.blue.vpn_id", "all of them"}) {
		t.Errorf("the log does not name the invalid key and value:\n%s", log)
	}
	if after := r.traces(r.PE1); !maps.Equal(before, after) {
		t.Errorf("after l2tpvld: %v, want %v as before", after, before)
	}
}

// traces returns what a daemon could leave behind: namespaces, interfaces and its socket.
func (r *rig) traces(pe *lab.PE) map[string]bool {
	r.Helper()
	namespaces, err := r.Namespaces()
	r.must(err)
	interfaces, err := pe.NS.Interfaces()
	r.must(err)
	sockets, err := filepath.Glob(r.Dir + "/*.sock")
	r.must(err)
	traces := map[string]bool{}
	for _, name := range slices.Concat(namespaces, interfaces, sockets) {
		traces[name] = true
	}
	return traces
}
