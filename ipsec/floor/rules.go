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

// direction is the direction of a packet: out of this host, or into it.
type direction struct {
	name     string
	hooks    []hook
	maps     [2]addressMap // of peers' addresses, IPv4 and IPv6
	offsets  [2]uint32     // of the peer's address in the IP header
	esp      expression    // loads 1 for packets with ESP, else 0
	ourPort  uint32        // offset in the UDP header
	peerPort uint32
}

// hook is a hook of netfilter, and the base chain there.
type hook struct {
	chain  string
	number uint32
	skip   [][]expression // match packets that may pass
}

const verdictDrop = 0 // NF_DROP of linux/netfilter.h

// nft(8)'s numbers of the types of map keys.
const (
	typeIPv4 = 7
	typeIPv6 = 8
)

// Of linux/netfilter/nf_tables.h.
const (
	routeTransformed = 4  // NFT_RT_XFRM: the packet's route applies ESP
	metaSecurityPath = 25 // NFT_META_SECPATH: the packet was received as ESP
)

var (
	outgoing = direction{
		name: "out",
		hooks: []hook{
			{chain: "out", number: unix.NF_INET_LOCAL_OUT},
			// Source NAT makes the kernel look for an IPsec policy again, with a source address
			// that no policy protects. Forwarded packets have an input interface, and are not ours.
			{chain: "after-nat", number: unix.NF_INET_POST_ROUTING, skip: [][]expression{{meta(unix.NFT_META_IIF), differs(0, 0, 0, 0)}}},
		},
		maps:    [2]addressMap{{"out4", typeIPv4, 4, 1}, {"out6", typeIPv6, 16, 2}},
		offsets: [2]uint32{16, 24}, esp: route(routeTransformed), ourPort: 0, peerPort: 2,
	}
	incoming = direction{
		name:    "in",
		hooks:   []hook{{chain: "in", number: unix.NF_INET_LOCAL_IN}},
		maps:    [2]addressMap{{"in4", typeIPv4, 4, 3}, {"in6", typeIPv6, 16, 4}},
		offsets: [2]uint32{12, 8}, esp: meta(metaSecurityPath), ourPort: 2, peerPort: 0,
	}
)

var families = [2]byte{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6}

// addFrame adds the maps, the base chains and the rules that concern all peers.
func addFrame(b *batch, table string) {
	// After all other tables, whose address translation may change the flow of a packet. The owned
	// table is before the lasting one.
	priority := int32(1000)
	if table == lasting {
		priority++
	}
	for _, d := range []direction{outgoing, incoming} {
		for _, m := range d.maps {
			b.addMap(table, m)
		}
		for _, h := range d.hooks {
			b.addHook(table, h.chain, h.number, priority)
			b.flushChain(table, h.chain)
			b.addRule(table, h.chain, d.esp, equal(1), conclude(unix.NFT_RETURN))
			for _, match := range h.skip {
				b.addRule(table, h.chain, append(slices.Clone(match), conclude(unix.NFT_RETURN))...)
			}
			for i, m := range d.maps {
				b.addRule(table, h.chain, meta(unix.NFT_META_NFPROTO), equal(families[i]),
					payload(unix.NFT_PAYLOAD_NETWORK_HEADER, d.offsets[i], m.keyLen), jump(m))
			}
		}
	}
	for _, match := range fromAnySource {
		b.addRule(table, incoming.name, append(slices.Clone(match), counted(), conclude(verdictDrop))...)
	}
}

// fromAnySource match the unencrypted packets that the floor drops from every source.
var fromAnySource = append(hiddenTransports(), ofProtectedSessions)

// ofProtectedSessions matches data messages over IP for protected sessions. The kernel delivers
// them to sessions over UDP too, and from any source. The octet is the first one of the session ID.
var ofProtectedSessions = []expression{
	// The order matters: nft(8) 1.0.6 aborts when it lists octets of a protocol that it does not
	// know.
	payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), atLeast(ipsec.ProtectedSessionIDs >> 24),
	meta(unix.NFT_META_L4PROTO), equal(unix.IPPROTO_L2TP),
}

// hiddenTransports match IPv6 fragments with an extension header after the fragment header. The
// first such fragment may have no transport header, and the kernel reassembles the packet only
// after it has passed the hook. RFC 7112 forbids hosts to send such packets.
func hiddenTransports() (all [][]expression) {
	for _, next := range []byte{
		unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_FRAGMENT, unix.IPPROTO_AH, unix.IPPROTO_DSTOPTS, unix.IPPROTO_MH,
	} {
		all = append(all, []expression{meta(unix.NFT_META_NFPROTO), equal(unix.NFPROTO_IPV6), fragmentHeader(0, 1), equal(next)})
	}
	return all
}

// chainOf returns the name of the chain of an address.
func chainOf(d direction, address netip.Addr) string {
	return d.name + "-" + strings.ReplaceAll(address.String(), ":", "_")
}

// matches returns the alternatives that match packets of a flow, and ICMP errors about them.
func matches(d direction, flow ipsec.Flow, family int) [][]expression {
	return append(packetsOf(d, flow), quotesOf(d, flow, family)...)
}

// packetsOf returns the alternatives that match packets of a flow in a chain for the peer's
// address. The local address does not count, because source NAT may change it. With UDP both ports
// are protected, ours towards every port of the peer and the peer's towards every one of ours, so
// that nothing that either side protects passes unencrypted.
func packetsOf(d direction, flow ipsec.Flow) [][]expression {
	if flow.LocalPort == 0 && flow.RemotePort == 0 {
		return [][]expression{{meta(unix.NFT_META_L4PROTO), equal(unix.IPPROTO_L2TP)}}
	}
	port := func(offset uint32, port uint16) []expression {
		return []expression{
			meta(unix.NFT_META_L4PROTO), equal(unix.IPPROTO_UDP),
			payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2), equal(binary.BigEndian.AppendUint16(nil, port)...),
		}
	}
	return [][]expression{port(d.ourPort, flow.LocalPort), port(d.peerPort, flow.RemotePort)}
}

// icmp describes ICMP errors, which quote the beginning of a packet (RFC 792, RFC 4443, section 3).
type icmp struct {
	protocol byte
	errors   []expression // match the types of errors
	next     uint32       // offset of the protocol in the quoted IP header
	header   uint32       // length of the quoted IP header
}

// quoted is the offset of the quoted packet in an ICMP error.
const quoted = 8

var icmps = [2]icmp{
	// Destination unreachable, time exceeded, parameter problem.
	{unix.IPPROTO_ICMP, []expression{equal(3), equal(11), equal(12)}, 9, 20},
	{unix.IPPROTO_ICMPV6, []expression{below(128)}, 6, 40},
}

// quotesOf returns the alternatives that match ICMP errors about packets of a flow. An error that
// this host sends quotes a packet that was received as ESP, for example when its socket is closed.
// An error that arrives unencrypted is forged, because its sender cannot have seen such a packet.
func quotesOf(d direction, flow ipsec.Flow, family int) [][]expression {
	i := icmps[family]
	transport := func(offset, length uint32) expression {
		return payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, offset, length)
	}
	back := incoming // an error that we send quotes a packet that we have received, and vice versa
	if d.name == incoming.name {
		back = outgoing
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

// counter returns the name of a peer's counter. nft(8) accepts letters, digits and few other
// characters in names.
func counter(d direction, peer string) string {
	var b strings.Builder
	b.WriteString(d.name + "-")
	for _, c := range []byte(peer) {
		if c == '-' || c == '.' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}
