package guard

import (
	"encoding/binary"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
)

// clearAddress and clearAddress6 are addresses on the provider network for which neither router
// protects a flow.
var (
	clearAddress  = netip.MustParseAddr("192.0.2.201")
	clearAddress6 = netip.MustParseAddr("2001:db8::c9")
)

// Source NAT gives packets a source address that no IPsec policy is for, after the output hook,
// where their route still had ESP.
func testSourceNAT(t *testing.T, r *rig) {
	for _, v := range []variant{{}, {overIPv6: true}, {overIP: true}} {
		r.begin(t, v)
		for _, s := range r.sides { // a received packet would make connection tracking skip NAT
			s.Stop()
		}
		s := r.sides[0]
		family, to, protocol := "ip", clearAddress, "udp dport "+strconv.Itoa(port)
		if v.overIPv6 {
			family, to = "ip6", clearAddress6
		}
		if v.overIP {
			protocol = "meta l4proto 115"
		}
		s.run("nft", "add table inet nat; add chain inet nat post { type nat hook postrouting priority srcnat; }; add rule inet nat post "+
			protocol+" snat "+family+" to "+to.String())
		before := s.status().DroppedOut
		s.startTraffic()
		r.Wait("packets dropped by the floor", func() (bool, string, error) {
			status := s.status()
			return status.DroppedOut > before+10, labtest.AsJSON(status) + s.run("nft", "list", "ruleset"), nil
		})
		s.run("nft", "delete table inet nat")
		r.protect(v)
		r.waitTraffic()
	}
}

// With an extension header that continues in the second fragment, the first one has no UDP header.
func testHiddenTransport(t *testing.T, r *rig) {
	r.begin(t, variant{overIPv6: true})
	s := r.sides[0]
	r.sides[1].Stop()
	r.waitNoTraffic()
	from, at := r.address(s.pe.Peer), r.address(s.pe)
	options := append([]byte{unix.IPPROTO_UDP, 1, 1, 12}, make([]byte, 12)...)
	whole := slices.Concat(options, lab.UDPDatagram(netip.AddrPortFrom(from, port), netip.AddrPortFrom(at, port), []byte("forged")))
	before := s.Received()
	const count = 20
	for i := range byte(count) {
		first := slices.Concat([]byte{unix.IPPROTO_DSTOPTS, 0, 0, 1, 0, 0, 0, i}, whole[:8])
		second := slices.Concat([]byte{unix.IPPROTO_DSTOPTS, 0, 0, 8, 0, 0, 0, i}, whole[8:])
		s.inject(lab.IPPacket(from, at, unix.IPPROTO_FRAGMENT, first))
		s.inject(lab.IPPacket(from, at, unix.IPPROTO_FRAGMENT, second))
	}
	r.Wait("the count of dropped fragments", func() (bool, string, error) {
		n, rules := s.dropped(`frag nexthdr (?:60|ipv6-opts) `)
		return n == 2*count, rules, nil
	})
	if n := s.Received() - before; n > 0 {
		t.Errorf("%d unencrypted packets were accepted", n)
	}
	r.protect(r.variant)
	r.waitTraffic()
}

// The kernel finds a session by its ID alone, whatever the source of the packet.
func testForgedSession(t *testing.T, r *rig) {
	r.begin(t, variant{})
	s := r.sides[0]
	var protected, others atomic.Uint64
	r.Must(s.pe.NS.Do(func() error {
		conn, err := net.ListenIP("ip4:115", &net.IPAddr{IP: s.pe.Address.AsSlice()})
		if err != nil {
			return err
		}
		t.Cleanup(func() { conn.Close() })
		go func() {
			for buf := make([]byte, 1500); ; {
				n, _, err := conn.ReadFromIP(buf)
				switch {
				case err != nil:
					return
				case n >= 4 && buf[0]&0x80 != 0:
					protected.Add(1)
				default:
					others.Add(1)
				}
			}
		}()
		return nil
	}))
	const count = 20
	for range count {
		for _, id := range []uint32{0x80000000, 0xfffffffe, 0x7fffffff} {
			s.inject(lab.IPPacket(clearAddress, s.pe.Address, unix.IPPROTO_L2TP, append(binary.BigEndian.AppendUint32(nil, id), "forged"...)))
		}
	}
	r.Wait("the counts of dropped and of other packets", func() (bool, string, error) {
		n, rules := s.dropped(`@th,0,8 \S+ \S+ meta l4proto \S+ `)
		return n == 2*count && others.Load() == count, rules, nil
	})
	if n := protected.Load(); n > 0 {
		t.Errorf("%d unencrypted packets were accepted", n)
	}
}

// inject sends a packet from the peer's namespace to the router.
func (s *side) inject(packet []byte) {
	s.r.Helper()
	to, err := s.pe.NS.HardwareAddr(lab.ProviderInterface)
	s.r.Must(err)
	s.r.Must(s.pe.Peer.NS.InjectFrame(lab.ProviderInterface, to, packet))
}

// dropped is the number of packets that those rules of the floor have dropped that match the
// pattern.
func (s *side) dropped(rule string) (n int, rules string) {
	s.r.Helper()
	rules = s.run("nft", "list", "ruleset")
	for _, found := range regexp.MustCompile(rule+`counter packets (\d+)`).FindAllStringSubmatch(rules, -1) {
		packets, err := strconv.Atoi(found[1])
		s.r.Must(err)
		n += packets
	}
	return n, strings.TrimSpace(rules)
}
