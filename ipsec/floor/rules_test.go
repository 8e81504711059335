package floor

import (
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func udp(remote string, localPort, remotePort uint16) ipsec.Flow {
	return ipsec.Flow{Remote: netip.MustParseAddr(remote), LocalPort: localPort, RemotePort: remotePort}
}

func overIP(remote string) ipsec.Flow { return ipsec.Flow{Remote: netip.MustParseAddr(remote)} }

// cases are the flows of the golden files, by peer.
var cases = map[string]map[string]ipsec.Flow{
	"udp-ipv4": {"pe2": udp("192.0.2.2", 1701, 1703)},
	"udp-ipv6": {"pe2": udp("2001:db8::2", 1701, 1703)},
	"ip-ipv4":  {"pe2": overIP("192.0.2.2")},
	"ip-ipv6":  {"pe2": overIP("2001:db8::2")},
	"several": {
		// Two peers at one address.
		"pe2": udp("192.0.2.2", 1701, 1701), "pe2, again": overIP("192.0.2.2"),
		"pe3": overIP("192.0.2.3"), "pe4": udp("2001:db8::4", 1704, 1701),
	},
}

// The messages to the kernel that make the whole table are those of testdata/*.messages.
func TestMessages(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			f := Floor{flows: cases[name], tidied: true}
			golden(t, name+".messages", dump(t, f.replacement()))
		})
	}
}

// A change of one peer concerns its own address alone, or both of them, and the rules of a peer at
// the same address stay.
func TestMessagesOfChanges(t *testing.T) {
	f := Floor{flows: maps.Clone(cases["several"]), tidied: true}
	var text strings.Builder
	step := func(what string, remote ...string) {
		var b batch
		for _, address := range remote {
			f.address(&b, lasting, netip.MustParseAddr(address))
		}
		fmt.Fprintf(&text, "# %s\n%s\n", what, dump(t, b))
	}
	f.flows["pe3"] = overIP("2001:db8::3")
	step("pe3 moves to another address", "2001:db8::3", "192.0.2.3")
	delete(f.flows, "pe2")
	step("one of two peers at an address is released", "192.0.2.2")
	f.tidied = false
	delete(f.flows, "pe4")
	step("a peer is released before the rules of an earlier run are removed", "2001:db8::4")
	golden(t, "changes.messages", text.String())
}

// golden compares a text with a file in testdata, or writes the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; `go test ./ipsec/floor -update` writes it. Got:\n%s", file, got)
	}
}

// nftVersion is the version of nft(8) whose text testdata/*.nft is.
const nftVersion = "nftables v1.0.6"

// The kernel accepts the rules, and nft(8) reads them as testdata/*.nft has them. Both tables have
// the same rules.
func TestRulesInKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	if version, err := exec.Command("nft", "--version").Output(); err != nil || !strings.HasPrefix(string(version), nftVersion) {
		t.Skipf("needs %s: %q, %v", nftVersion, version, err)
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				t.Skip("no network namespace can be made here: ", err)
			}
			f, err := New(func(restored bool, why string) { t.Error("floor changed:", restored, why) })
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, peer := range slices.Sorted(maps.Keys(cases[name])) {
				if err := f.Install(peer, cases[name][peer]); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Tidy(); err != nil {
				t.Fatal(err)
			}
			list := func(table string) string {
				out, err := exec.Command("nft", "-nn", "list", "table", "inet", table).CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return string(out)
			}
			rules := list(lasting)
			golden(t, name+".nft", rules)
			_, rules, _ = strings.Cut(rules, "\n") // without the table's name
			_, ofOwned, _ := strings.Cut(list(owned), "\n")
			ofOwned = strings.Replace(ofOwned, "\tflags owner\n\n", "", 1)
			ofOwned = strings.ReplaceAll(ofOwned, "priority 1000;", "priority 1001;")
			if sections(ofOwned) != sections(rules) {
				t.Errorf("table %s has other rules than table %s:\n%s", owned, lasting, ofOwned)
			}
			for peer := range cases[name] {
				if !f.Installed(peer) {
					t.Errorf("the floor of %s is not in place", peer)
				}
			}
		})
	}
}

// sections sorts the sections of a table as nft(8) prints it.
func sections(table string) string {
	all := strings.Split(strings.TrimSuffix(strings.TrimSpace(table), "}"), "\n\n")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	slices.Sort(all)
	return strings.Join(all, "\n\n")
}
