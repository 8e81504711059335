package floor

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// way is the way of a packet: out of this host, or into it.
type way struct {
	name     string
	hooks    []hook
	maps     [2]addressMap // of the other side's addresses, IPv4 and IPv6
	offsets  [2]uint32     // of that address in the IP header
	fact     expression    // whether there is ESP
	ourPort  uint32        // offset in the UDP header
	peerPort uint32
}

// hook is where packets on their way come by, and the chain that is there.
type hook struct {
	chain  string
	number uint32
	skip   [][]expression // packets that are not looked at
}

const verdictDrop = 0 // NF_DROP of linux/netfilter.h

// As nft(8) numbers what keys of maps are.
const (
	typeIPv4 = 7
	typeIPv6 = 8
)

// Of linux/netfilter/nf_tables.h: whether the packet's way out goes through a transformation, and
// whether it came through one.
const (
	routeTransformed = 4  // NFT_RT_XFRM
	metaSecurityPath = 25 // NFT_META_SECPATH
)

var (
	out = way{
		name: "out",
		hooks: []hook{
			{chain: "out", number: unix.NF_INET_LOCAL_OUT},
			// Source NAT has the kernel look for the transformation anew, under an address that is
			// not to be protected. What is forwarded has come in by some interface, and is not
			// ours.
			{chain: "after-nat", number: unix.NF_INET_POST_ROUTING, skip: [][]expression{{meta(unix.NFT_META_IIF), differs(0, 0, 0, 0)}}},
		},
		maps:    [2]addressMap{{"out4", typeIPv4, 4, 1}, {"out6", typeIPv6, 16, 2}},
		offsets: [2]uint32{16, 24}, fact: route(routeTransformed), ourPort: 0, peerPort: 2,
	}
	in = way{
		name:    "in",
		hooks:   []hook{{chain: "in", number: unix.NF_INET_LOCAL_IN}},
		maps:    [2]addressMap{{"in4", typeIPv4, 4, 3}, {"in6", typeIPv6, 16, 4}},
		offsets: [2]uint32{12, 8}, fact: meta(metaSecurityPath), ourPort: 2, peerPort: 0,
	}
)

var families = [2]byte{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6}

// frame adds what a table has that is there for no peer in particular.
func frame(b *batch, table string) {
	// After all others, whose address translation might make another flow of a packet. Ours that is
	// owned sees it first.
	priority := int32(1000)
	if table == lasting {
		priority++
	}
	for _, w := range []way{out, in} {
		for _, m := range w.maps {
			b.addMap(table, m)
		}
		for _, h := range w.hooks {
			b.addHook(table, h.chain, h.number, priority)
			b.emptyChain(table, h.chain)
			b.addRule(table, h.chain, w.fact, equal(1), decide(unix.NFT_RETURN))
			for _, match := range h.skip {
				b.addRule(table, h.chain, append(slices.Clone(match), decide(unix.NFT_RETURN))...)
			}
			for i, m := range w.maps {
				b.addRule(table, h.chain, meta(unix.NFT_META_NFPROTO), equal(families[i]),
					payload(unix.NFT_PAYLOAD_NETWORK_HEADER, w.offsets[i], m.keyLen), jump(m))
			}
		}
	}
	for _, match := range fromAnybody {
		b.addRule(table, in.name, append(slices.Clone(match), counted(), decide(verdictDrop))...)
	}
}

// fromAnybody are what tells packets that nobody may send us in clear while there is a floor,
// whatever their source.
var fromAnybody = append(hiddenTransports(), ofProtectedSessions)

// ofProtectedSessions is what tells data messages over IP for sessions that are protected: the
// kernel takes them for sessions over UDP too, and from any source. The octet is the first of the
// session ID.
var ofProtectedSessions = []expression{
	// In this order: nft(8) 1.0.6 aborts where it lists octets of a protocol that it does not know.
	payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), atLeast(ipsec.ProtectedSessionIDs >> 24), meta(unix.NFT_META_L4PROTO), equal(unix.IPPROTO_L2TP),
}

// hiddenTransports are what tells IPv6 fragments behind whose fragment header an extension header
// follows: the first one need not have a transport header then, and the packet is put together only
// after it has passed the hook. RFC 7112 has no host send such.
func hiddenTransports() (all [][]expression) {
	for _, next := range []byte{
		unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_FRAGMENT, unix.IPPROTO_AH, unix.IPPROTO_DSTOPTS, unix.IPPROTO_MH,
	} {
		all = append(all, []expression{meta(unix.NFT_META_NFPROTO), equal(unix.NFPROTO_IPV6), fragmentHeader(0, 1), equal(next)})
	}
	return all
}

// chainOf is the name of the chain of an address.
func chainOf(w way, address netip.Addr) string {
	return w.name + "-" + strings.ReplaceAll(address.String(), ":", "_")
}

// matches are what tells packets of a flow, and what quotes such, any of which will do.
func matches(w way, flow ipsec.Flow, family int) [][]expression {
	return append(packetsOf(w, flow), quotesOf(w, flow, family)...)
}

// packetsOf are what tells packets of a flow between its addresses, of which it is the peer's that
// counts: ours may be another after source NAT. Of UDP both ports are protected, ours towards every
// port of the peer, and the peer's towards every one of ours: nothing of what either means to
// protect gets anywhere in clear.
func packetsOf(w way, flow ipsec.Flow) [][]expression {
	if flow.LocalPort == 0 && flow.RemotePort == 0 {
		return [][]expression{{meta(unix.NFT_META_L4PROTO), equal(unix.IPPROTO_L2TP)}}
	}
	port := func(offset uint32, port uint16) []expression {
		return []expression{
			meta(unix.NFT_META_L4PROTO), equal(unix.IPPROTO_UDP),
			payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2), equal(binary.BigEndian.AppendUint16(nil, port)...),
		}
	}
	return [][]expression{port(w.ourPort, flow.LocalPort), port(w.peerPort, flow.RemotePort)}
}

// icmp says where an ICMP error has the packet that it is about (RFC 792, RFC 4443 section 3), and
// what that is.
type icmp struct {
	protocol byte
	errors   []expression // of its type, any of which will do
	next     uint32       // offset of the protocol in the IP header of the packet
	header   uint32       // length of that header
}

// quoted is the offset of the packet in an ICMP error.
const quoted = 8

var icmps = [2]icmp{
	{unix.IPPROTO_ICMP, []expression{equal(3), equal(11), equal(12)}, 9, 20}, // unreachable, time exceeded, parameter problem
	{unix.IPPROTO_ICMPV6, []expression{below(128)}, 6, 40},
}

// quotesOf are what tells ICMP errors about packets of a flow. One that this host sends has the
// beginning of what came under ESP, such as when nobody listens any more; one that arrives in clear
// is nobody's who has seen such a packet.
func quotesOf(w way, flow ipsec.Flow, family int) [][]expression {
	i := icmps[family]
	transport := func(offset, length uint32) expression {
		return payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, offset, length)
	}
	back := in // what we send is about what has arrived, and the reverse
	if w.name == in.name {
		back = out
	}
	about := []expression{transport(quoted+i.next, 1), equal(unix.IPPROTO_L2TP)}
	if flow.LocalPort != 0 || flow.RemotePort != 0 {
		about = []expression{
			transport(quoted+i.next, 1), equal(unix.IPPROTO_UDP),
			transport(quoted+i.header+back.ourPort, 2), equal(binary.BigEndian.AppendUint16(nil, flow.LocalPort)...),
		}
	}
	var all [][]expression
	for _, kind := range i.errors {
		all = append(all, slices.Concat([]expression{meta(unix.NFT_META_L4PROTO), equal(i.protocol), transport(0, 1), kind}, about))
	}
	return all
}

// counter is the name of a peer's counter: nft(8) wants letters, digits, and few others.
func counter(w way, peer string) string {
	var b strings.Builder
	b.WriteString(w.name + "-")
	for _, c := range []byte(peer) {
		if c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}
