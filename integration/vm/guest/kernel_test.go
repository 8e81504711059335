// Package guest tests that the virtual machine of integration/vm has a kernel with the features
// that the other tests need.
package guest

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/integration/vm"
)

func TestMain(m *testing.M) { os.Exit(vm.Main(m)) }

// The machine runs the stock kernel, not the cloud kernel, which lacks PPP.
func TestKernelIsDebians(t *testing.T) {
	version, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	if want := regexp.MustCompile(`^Linux version \d+\.\d+\.\d+\S*-amd64 .*Debian`); !want.Match(version) || regexp.MustCompile(`cloud`).Match(version) {
		t.Errorf("/proc/version: %s, want Debian's stock kernel for amd64", version)
	}
}

// The clock has a known frequency. One that the kernel calibrates during boot would be wrong on a
// busy host.
func TestClockNeedsNoCalibration(t *testing.T) {
	source, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	if err != nil {
		t.Fatal(err)
	}
	if string(source) != "acpi_pm\n" {
		t.Errorf("clock source %q, want acpi_pm", source)
	}
}

// A query for the family loads its module, so the kernel finds its modules.
func TestL2TPFamilyExists(t *testing.T) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	family, err := conn.GetFamily("l2tp")
	if err != nil {
		t.Fatal(err)
	}
	if family.Version != 1 {
		t.Errorf("generic netlink family l2tp has version %d, want 1", family.Version)
	}
}

func TestPPPDeviceOpens(t *testing.T) {
	file, err := os.OpenFile("/dev/ppp", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}

func TestModulesLoad(t *testing.T) {
	for _, module := range []string{
		"l2tp_ip", "l2tp_ip6", "l2tp_ppp", "l2tp_eth", "ppp_generic", "vrf", "dummy", "veth", "tun",
		"esp4", "esp6", "xfrm_interface", "nf_tables", "sch_netem", "ip_gre", "ipip", "mpls_router",
	} {
		if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
			t.Errorf("modprobe %s: %v: %s", module, err, out)
		}
	}
}

func TestVRFAcceptsInterface(t *testing.T) {
	vrf := &netlink.Vrf{LinkAttrs: netlink.LinkAttrs{Name: "red"}, Table: 1001}
	dummy := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "inside"}}
	for _, link := range []netlink.Link{vrf, dummy} {
		if err := netlink.LinkAdd(link); err != nil {
			t.Fatalf("add %s %s: %v", link.Type(), link.Attrs().Name, err)
		}
		t.Cleanup(func() {
			if err := netlink.LinkDel(link); err != nil {
				t.Errorf("delete %s: %v", link.Attrs().Name, err)
			}
		})
	}
	if err := netlink.LinkSetMaster(dummy, vrf); err != nil {
		t.Error(err)
	}
}

// RFC 4106: AES-GCM with a key of 256 bits, 32 bits of salt, and an ICV of 16 octets.
func TestESPStateIsAdded(t *testing.T) {
	state := &netlink.XfrmState{
		Src: []byte{192, 0, 2, 1}, Dst: []byte{192, 0, 2, 2},
		Proto: netlink.XFRM_PROTO_ESP, Mode: netlink.XFRM_MODE_TRANSPORT, Spi: 0x1000,
		Aead: &netlink.XfrmStateAlgo{Name: "rfc4106(gcm(aes))", Key: make([]byte, 32+4), ICVLen: 128},
	}
	if err := netlink.XfrmStateAdd(state); err != nil {
		t.Fatal(err)
	}
	if err := netlink.XfrmStateDel(state); err != nil {
		t.Error(err)
	}
}

func TestNetworkNamespaceByName(t *testing.T) {
	for _, command := range [][]string{
		{"ip", "netns", "add", "blue"},
		{"ip", "-n", "blue", "link", "set", "lo", "up"},
		{"ip", "netns", "exec", "blue", "ping", "-c", "1", "127.0.0.1"},
		{"ip", "netns", "delete", "blue"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", command, err, out)
		}
	}
}
