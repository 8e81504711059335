package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/l2tpvl/l2tpvl/vr"
)

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, text := range texts {
		ps = append(ps, netip.MustParsePrefix(text))
	}
	return ps
}

// addTUN adds a persistent TUN device to r; it exists although no process has it open.
func addTUN(t *testing.T, r *Router, name string) {
	t.Helper()
	err := r.Do(func() error {
		return netlink.LinkAdd(&netlink.Tuntap{
			LinkAttrs: netlink.LinkAttrs{Name: name},
			Mode:      netlink.TUNTAP_MODE_TUN,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shown returns what ip(8) shows of an interface: its MTU and whether it is up, its addresses, and
// its routes in table main.
func shown(t *testing.T, ns, ifname string) []string {
	t.Helper()
	var lines []string
	add := func(pattern string, args ...string) {
		re := regexp.MustCompile(pattern)
		for _, line := range ip(t, append([]string{"-n", ns}, args...)...) {
			if m := re.FindStringSubmatch(line); m != nil {
				lines = append(lines, m[1])
			}
		}
	}
	add(`(mtu \d+)`, "-o", "link", "show", "dev", ifname)
	add(`[<,](UP)[,>]`, "-o", "link", "show", "dev", ifname)
	add(`(inet6? .*?) *(?:\\|$)`, "-o", "address", "show", "dev", ifname)
	add(`(.*)`, "-4", "route", "show", "dev", ifname)
	add(`(.*)`, "-6", "route", "show", "dev", ifname)
	for i, line := range lines { // a TUN device that no process has open has no carrier
		lines[i] = strings.Join(strings.Fields(strings.ReplaceAll(line, "linkdown", "")), " ")
	}
	return lines
}

// TestConfigure configures one interface again and again. The result does not depend on the
// configuration before, and a second call of Configure changes nothing.
func TestConfigure(t *testing.T) {
	m, _ := newTestManager(t)
	r := ensure(t, m, testName(t, "configure"))
	addTUN(t, r, "vl0")

	numbered := vr.Interface{
		MTU: 1400, Up: true,
		Local: netip.MustParseAddr("10.255.0.0"), Peer: netip.MustParseAddr("10.255.0.1"),
	}
	dual := numbered
	dual.LinkLocal, dual.PeerLinkLocal = 0x0211, 0xabcd00ef01234567
	dual.Routes = prefixes("192.0.2.0/24", "2001:db8::/32", "192.0.2.0/24", "198.51.100.7/25")

	const peer = "10.255.0.1 proto kernel scope link src 10.255.0.0"
	dualSeen := []string{
		"mtu 1400", "UP",
		"inet 10.255.0.0 peer 10.255.0.1/32 scope global vl0",
		"inet6 fe80::211 peer fe80::abcd:ef:123:4567/64 scope link nodad",
		peer,
		"192.0.2.0/24 proto 115 scope link",
		"198.51.100.0/25 proto 115 scope link",
		"2001:db8::/32 proto 115 metric 1024 pref medium",
		"fe80::/64 proto kernel metric 256 pref medium",
		"fe80::abcd:ef:123:4567 proto kernel metric 256 pref medium",
	}
	for _, step := range []struct {
		name string
		c    vr.Interface
		want []string
	}{
		{"down", vr.Interface{MTU: 1456}, []string{"mtu 1456"}},
		{"up, unnumbered, without IPv6", vr.Interface{Up: true}, []string{"mtu 1456", "UP"}},
		{"point-to-point IPv4", numbered, []string{
			"mtu 1400", "UP", "inet 10.255.0.0 peer 10.255.0.1/32 scope global vl0", peer,
		}},
		{"both protocols and routes", dual, dualSeen},
		{"no routes while down", vr.Interface{Local: numbered.Local, Peer: numbered.Peer, Routes: dual.Routes}, []string{
			"mtu 1400", "inet 10.255.0.0 peer 10.255.0.1/32 scope global vl0",
		}},
		{"both again", dual, dualSeen},
		{"another peer, other routes", vr.Interface{
			Up: true, Local: numbered.Local, Peer: netip.MustParseAddr("10.255.0.9"), LinkLocal: 5,
			Routes: prefixes("0.0.0.0/0", "::/0", "2001:db8::/32"),
		}, []string{
			"mtu 1400", "UP",
			"inet 10.255.0.0 peer 10.255.0.9/32 scope global vl0",
			"inet6 fe80::5/64 scope link nodad",
			"default proto 115 scope link",
			"10.255.0.9 proto kernel scope link src 10.255.0.0",
			"2001:db8::/32 proto 115 metric 1024 pref medium",
			"fe80::/64 proto kernel metric 256 pref medium",
			"default proto 115 metric 1024 pref medium",
		}},
		{"further IPv6 addresses", vr.Interface{Up: true, LinkLocal: 5, Addresses: prefixes("2001:db8::1/64", "fd00::1/128")}, []string{
			"mtu 1400", "UP",
			"inet6 fe80::5/64 scope link nodad",
			"inet6 2001:db8::1/64 scope global nodad",
			"inet6 fd00::1/128 scope global nodad",
			"2001:db8::/64 proto kernel metric 256 pref medium",
			"fd00::1 proto kernel metric 256 pref medium",
			"fe80::/64 proto kernel metric 256 pref medium",
		}},
		{"no IPv6 addresses while down", vr.Interface{Addresses: prefixes("2001:db8::1/64")}, []string{"mtu 1400"}},
		{"one IPv4 address only", vr.Interface{Up: true, Local: numbered.Local}, []string{
			"mtu 1400", "UP", "inet 10.255.0.0/32 scope global vl0",
		}},
		{"unnumbered with routes", vr.Interface{Up: true, Routes: prefixes("192.0.2.0/24")}, []string{
			"mtu 1400", "UP", "192.0.2.0/24 proto 115 scope link",
		}},
		{"nothing", vr.Interface{}, []string{"mtu 1400"}},
	} {
		for _, time := range []string{"once", "twice"} {
			if err := r.Configure("vl0", step.c); err != nil {
				t.Fatalf("%s, %s: %v", step.name, time, err)
			}
			want := slices.Sorted(slices.Values(step.want))
			got := slices.Sorted(slices.Values(shown(t, r.Name(), "vl0")))
			// The kernel adds the routes of an IPv6 address shortly after the address.
			for tries := 0; !slices.Equal(got, want) && tries < 100; tries++ {
				got = slices.Sorted(slices.Values(shown(t, r.Name(), "vl0")))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s:\ngot:\n  %s\nwant:\n  %s", step.name, time,
					strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
		}
	}
}

// Routes of other protocols through the same interface are not changed.
func TestConfigureKeepsOtherRoutes(t *testing.T) {
	m, _ := newTestManager(t)
	r := ensure(t, m, testName(t, "others"))
	addTUN(t, r, "vl0")
	up := vr.Interface{Up: true, Routes: prefixes("192.0.2.0/24")}
	if err := r.Configure("vl0", up); err != nil {
		t.Fatal(err)
	}
	ip(t, "-n", r.Name(), "route", "add", "203.0.113.0/24", "dev", "vl0", "proto", "ospf")
	up.Routes = nil
	if err := r.Configure("vl0", up); err != nil {
		t.Fatal(err)
	}
	if got := ip(t, "-n", r.Name(), "-4", "route"); len(got) != 1 || !strings.HasPrefix(got[0], "203.0.113.0/24 ") {
		t.Errorf("routes %q, want only the OSPF one", got)
	}
}

func TestConfigureErrors(t *testing.T) {
	m, _ := newTestManager(t)
	r := ensure(t, m, testName(t, "errors"))
	addTUN(t, r, "vl0")
	addTUN(t, r, "vl1")
	route := vr.Interface{Up: true, Routes: prefixes("192.0.2.0/24")}
	if err := r.Configure("vl0", route); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, ifname string
		c            vr.Interface
		want         error  // wrapped, nil: any
		text         string // in the error, besides the names of VR and interface
	}{
		{"no such interface", "vl9", vr.Interface{}, os.ErrNotExist, "interface vl9"},
		{"MTU out of bounds", "vl0", vr.Interface{MTU: 10}, nil, "MTU 10"},
		{"MTU too small for IPv6", "vl0", vr.Interface{MTU: 1279, Up: true, LinkLocal: 1}, nil, "1280"},
		{"IPv6 address as IPv4 address", "vl0", vr.Interface{Local: netip.IPv6LinkLocalAllNodes()}, nil, "IPv4"},
		{"route of another link", "vl1", route, os.ErrExist, "192.0.2.0/24"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := r.Configure(tt.ifname, tt.c)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			for _, text := range []string{r.Name(), tt.ifname, tt.text} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not contain %q", err, text)
				}
			}
		})
	}
}

// On a host with IPv6 disabled, IPv4 works; Configure enables IPv6 on an interface that needs it.
func TestConfigureWithIPv6Disabled(t *testing.T) {
	m, _ := newTestManager(t)
	r := ensure(t, m, testName(t, "off"))
	if err := r.Do(func() error {
		for _, scope := range []string{"all", "default"} {
			if err := writeSysctl("ipv6/conf/"+scope+"/disable_ipv6", "1"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	addTUN(t, r, "vl0")
	c := vr.Interface{MTU: 1400, Up: true, Local: netip.MustParseAddr("10.0.0.1"), Peer: netip.MustParseAddr("10.0.0.2")}
	if err := r.Configure("vl0", c); err != nil {
		t.Errorf("only IPv4: %v", err)
	}
	c.MTU, c.LinkLocal = 576, 0 // with this MTU the kernel removes IPv6 from the interface
	if err := r.Configure("vl0", c); err != nil {
		t.Errorf("only IPv4, small MTU: %v", err)
	}
	c.MTU, c.LinkLocal = 1400, 7
	if err := r.Configure("vl0", c); err != nil {
		t.Errorf("with IPv6: %v", err)
	}
	want := fmt.Sprintf("inet6 %v/64 scope link nodad", linkLocal(7))
	if got := shown(t, r.Name(), "vl0"); !slices.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}
