package strongswan

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// kernel queries the IPsec state of the kernel in one network namespace.
type kernel struct{ handle *netlink.Handle }

// installed is the part of the kernel's IPsec state that charon installs.
type installed struct {
	policies map[string]bool                   // outgoing policies with a template, by policyKey
	states   map[uint32]netlink.XfrmStateStats // SAs of ESP, by SPI
}

func (k kernel) installed() (installed, error) {
	all := installed{map[string]bool{}, map[uint32]netlink.XfrmStateStats{}}
	policies, err := k.handle.XfrmPolicyList(netlink.FAMILY_ALL)
	if err != nil {
		return all, err
	}
	for _, p := range policies {
		if p.Dir != netlink.XFRM_DIR_OUT || p.Dst == nil || len(p.Tmpls) == 0 {
			continue
		}
		if address, ok := netip.AddrFromSlice(p.Dst.IP); ok {
			all.policies[policyKey(address.Unmap(), int(p.Proto), p.SrcPort, p.DstPort)] = true
		}
	}
	all.states, err = k.states()
	return all, err
}

func (k kernel) states() (map[uint32]netlink.XfrmStateStats, error) {
	states, err := k.handle.XfrmStateList(netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	all := map[uint32]netlink.XfrmStateStats{}
	for _, s := range states {
		if s.Proto == netlink.XFRM_PROTO_ESP {
			all[uint32(s.Spi)] = s.Statistics
		}
	}
	return all, nil
}

// has reports whether the kernel has both SAs and the outgoing policy of a CHILD SA.
func (i installed) has(f ipsec.Flow, c childSA) bool {
	_, in := i.states[spi(c.LocalSPI)]
	_, out := i.states[spi(c.RemoteSPI)]
	protocol := unix.IPPROTO_UDP
	if f.LocalPort == 0 && f.RemotePort == 0 {
		protocol = unix.IPPROTO_L2TP
	}
	return in && out && i.policies[policyKey(f.Remote, protocol, int(f.LocalPort), int(f.RemotePort))]
}

// policyKey identifies the flow of an outgoing policy.
func policyKey(remote netip.Addr, protocol, localPort, remotePort int) string {
	key := binary.BigEndian.AppendUint16(remote.WithZone("").AsSlice(), uint16(protocol))
	return string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(key, uint16(localPort)), uint16(remotePort)))
}

func spi(hexadecimal string) uint32 {
	n, _ := strconv.ParseUint(hexadecimal, 16, 32)
	return uint32(n)
}
