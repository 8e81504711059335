package floor

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// dump writes a batch as one line for each message. The octets of comparisons are hexadecimal.
func dump(t *testing.T, b batch) string {
	t.Helper()
	if b.err != nil {
		t.Fatal(b.err)
	}
	var text strings.Builder
	for _, m := range b.messages {
		if m.Header.Flags&netlink.Request == 0 || m.Data[0] != unix.NFPROTO_INET || m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES {
			t.Errorf("message %+v is no request to nf_tables for the family inet", m)
		}
		what, ok := kinds[int(m.Header.Type&0xff)]
		if !ok {
			t.Fatalf("unknown kind of message %d", m.Header.Type&0xff)
		}
		flags := m.Header.Flags &^ netlink.Request
		if flags != what.flags {
			t.Errorf("%s with flags %v, want %v", what.name, flags, what.flags)
		}
		fmt.Fprintln(&text, what.name, what.describe(decode(t, m.Data[4:])))
	}
	return text.String()
}

// attribute is one netlink attribute.
type attribute []byte

func (a attribute) text() string { return strings.TrimRight(string(a), "\x00") }
func (a attribute) number() uint64 { // in network byte order, of any length
	n := uint64(0)
	for _, octet := range a {
		n = n<<8 | uint64(octet)
	}
	return n
}

// attributeSet has the attributes inside a message or a nested attribute, by type. In a list, a
// type occurs several times.
type attributeSet struct {
	t   *testing.T
	all map[uint16][]attribute
}

func decode(t *testing.T, data []byte) attributeSet {
	t.Helper()
	d, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		t.Fatal(err)
	}
	d.ByteOrder = binary.BigEndian
	s := attributeSet{t, map[uint16][]attribute{}}
	for d.Next() {
		s.all[d.Type()] = append(s.all[d.Type()], d.Bytes())
	}
	if d.Err() != nil {
		t.Fatal(d.Err())
	}
	return s
}

func (s attributeSet) get(kind uint16) attribute {
	if len(s.all[kind]) == 0 {
		return nil
	}
	return s.all[kind][0]
}

func (s attributeSet) has(kind uint16) bool            { return len(s.all[kind]) > 0 }
func (s attributeSet) text(kind uint16) string         { return s.get(kind).text() }
func (s attributeSet) number(kind uint16) uint64       { return s.get(kind).number() }
func (s attributeSet) nested(kind uint16) attributeSet { return decode(s.t, s.get(kind)) }

// kinds are the messages of nf_tables that the floor sends, with their flags.
var kinds = map[int]struct {
	name     string
	flags    netlink.HeaderFlags
	describe func(attributeSet) string
}{
	unix.NFT_MSG_NEWTABLE: {"add table", netlink.Create, func(s attributeSet) string {
		return fmt.Sprintf("%s flags %d", s.text(unix.NFTA_TABLE_NAME), s.number(unix.NFTA_TABLE_FLAGS))
	}},
	unix.NFT_MSG_DELTABLE: {"delete table", 0, func(s attributeSet) string { return s.text(unix.NFTA_TABLE_NAME) }},
	unix.NFT_MSG_NEWCHAIN: {"add chain", netlink.Create, describeChain},
	unix.NFT_MSG_DELCHAIN: {"delete chain", 0, describeChain},
	unix.NFT_MSG_NEWRULE:  {"add rule", netlink.Create | netlink.Append, describeRule},
	unix.NFT_MSG_DELRULE:  {"flush chain", 0, describeRule},
	unix.NFT_MSG_NEWOBJ:   {"add counter", netlink.Create, describeCounter},
	unix.NFT_MSG_DELOBJ:   {"delete counter", 0, describeCounter},
	unix.NFT_MSG_NEWSET: {"add map", netlink.Create, func(s attributeSet) string {
		return fmt.Sprintf("%s %s id %d: %s of %d octets to %s", s.text(unix.NFTA_SET_TABLE), s.text(unix.NFTA_SET_NAME), s.number(unix.NFTA_SET_ID),
			named(s.number(unix.NFTA_SET_KEY_TYPE), map[uint64]string{typeIPv4: "ipv4_addr", typeIPv6: "ipv6_addr"}), s.number(unix.NFTA_SET_KEY_LEN),
			named(s.number(unix.NFTA_SET_DATA_TYPE), map[uint64]string{unix.NFT_DATA_VERDICT: "verdict"}))
	}},
	unix.NFT_MSG_NEWSETELEM: {"add element", netlink.Create, describeElement},
	unix.NFT_MSG_DELSETELEM: {"delete element", 0, describeElement},
}

func describeChain(s attributeSet) string {
	text := s.text(unix.NFTA_CHAIN_TABLE) + " " + s.text(unix.NFTA_CHAIN_NAME)
	if s.has(unix.NFTA_CHAIN_HOOK) {
		hook := s.nested(unix.NFTA_CHAIN_HOOK)
		text += fmt.Sprintf(" type %s hook %s priority %d", s.text(unix.NFTA_CHAIN_TYPE), named(hook.number(unix.NFTA_HOOK_HOOKNUM), map[uint64]string{
			unix.NF_INET_LOCAL_IN: "input", unix.NF_INET_LOCAL_OUT: "output", unix.NF_INET_POST_ROUTING: "postrouting",
		}), hook.number(unix.NFTA_HOOK_PRIORITY))
	}
	return text
}

func describeCounter(s attributeSet) string {
	if s.number(unix.NFTA_OBJ_TYPE) != unix.NFT_OBJECT_COUNTER {
		s.t.Errorf("object of type %d, want a counter", s.number(unix.NFTA_OBJ_TYPE))
	}
	return s.text(unix.NFTA_OBJ_TABLE) + " " + s.text(unix.NFTA_OBJ_NAME)
}

func describeElement(s attributeSet) string {
	element := s.nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS).nested(unix.NFTA_LIST_ELEM)
	key, _ := netip.AddrFromSlice(element.nested(unix.NFTA_SET_ELEM_KEY).get(unix.NFTA_DATA_VALUE))
	return fmt.Sprintf("%s %s %s: %s", s.text(unix.NFTA_SET_ELEM_LIST_TABLE), s.text(unix.NFTA_SET_ELEM_LIST_SET), key,
		describeVerdict(element.nested(unix.NFTA_SET_ELEM_DATA)))
}

func describeVerdict(s attributeSet) string {
	v := s.nested(unix.NFTA_DATA_VERDICT)
	code := int32(v.number(unix.NFTA_VERDICT_CODE))
	return strings.TrimSpace(named(uint64(uint32(code)), map[uint64]string{
		verdictDrop: "drop", uint64(uint32(unix.NFT_RETURN & 0xffffffff)): "return", uint64(uint32(unix.NFT_JUMP & 0xffffffff)): "jump",
	}) + " " + v.text(unix.NFTA_VERDICT_CHAIN))
}

func describeRule(s attributeSet) string {
	text, separator := s.text(unix.NFTA_RULE_TABLE)+" "+s.text(unix.NFTA_RULE_CHAIN), ": "
	for _, e := range s.nestedList(unix.NFTA_RULE_EXPRESSIONS) {
		if e.text(unix.NFTA_EXPR_NAME) == "cmp" { // with the loaded value
			separator = " "
		}
		text, separator = text+separator+describeExpression(e), ", "
	}
	return text
}

func (s attributeSet) nestedList(kind uint16) (all []attributeSet) {
	if s.has(kind) {
		for _, element := range s.nested(kind).all[unix.NFTA_LIST_ELEM] {
			all = append(all, decode(s.t, element))
		}
	}
	return all
}

func describeExpression(s attributeSet) string {
	name, e := s.text(unix.NFTA_EXPR_NAME), s.nested(unix.NFTA_EXPR_DATA)
	register := func(kind uint16, want uint64) {
		if e.number(kind) != want {
			s.t.Errorf("%s uses register %d, want %d", name, e.number(kind), want)
		}
	}
	switch name {
	case "meta":
		register(unix.NFTA_META_DREG, reg1)
		return "meta " + named(e.number(unix.NFTA_META_KEY), map[uint64]string{
			unix.NFT_META_L4PROTO: "l4proto", unix.NFT_META_NFPROTO: "nfproto", unix.NFT_META_IIF: "iif", metaSecurityPath: "secpath",
		})
	case "rt":
		register(unix.NFTA_RT_DREG, reg1)
		return "rt " + named(e.number(unix.NFTA_RT_KEY), map[uint64]string{routeTransformed: "xfrm"})
	case "payload":
		register(unix.NFTA_PAYLOAD_DREG, reg1)
		return fmt.Sprintf("payload %s %d+%d", named(e.number(unix.NFTA_PAYLOAD_BASE), map[uint64]string{
			unix.NFT_PAYLOAD_NETWORK_HEADER: "network", unix.NFT_PAYLOAD_TRANSPORT_HEADER: "transport",
		}), e.number(unix.NFTA_PAYLOAD_OFFSET), e.number(unix.NFTA_PAYLOAD_LEN))
	case "exthdr":
		register(unix.NFTA_EXTHDR_DREG, reg1)
		return fmt.Sprintf("exthdr %s %d+%d", named(e.number(unix.NFTA_EXTHDR_TYPE), map[uint64]string{unix.IPPROTO_FRAGMENT: "fragment"}),
			e.number(unix.NFTA_EXTHDR_OFFSET), e.number(unix.NFTA_EXTHDR_LEN))
	case "cmp":
		register(unix.NFTA_CMP_SREG, reg1)
		return fmt.Sprintf("%s %x", named(e.number(unix.NFTA_CMP_OP), map[uint64]string{
			unix.NFT_CMP_EQ: "==", unix.NFT_CMP_NEQ: "!=", unix.NFT_CMP_LT: "<", unix.NFT_CMP_GTE: ">=",
		}), []byte(e.nested(unix.NFTA_CMP_DATA).get(unix.NFTA_DATA_VALUE)))
	case "lookup":
		register(unix.NFTA_LOOKUP_SREG, reg1)
		register(unix.NFTA_LOOKUP_DREG, regVerdict)
		return fmt.Sprintf("lookup %s id %d", e.text(unix.NFTA_LOOKUP_SET), e.number(unix.NFTA_LOOKUP_SET_ID))
	case "objref":
		return fmt.Sprintf("%s %s", named(e.number(unix.NFTA_OBJREF_IMM_TYPE), map[uint64]string{unix.NFT_OBJECT_COUNTER: "counter"}),
			e.text(unix.NFTA_OBJREF_IMM_NAME))
	case "counter":
		return fmt.Sprintf("counter packets %d bytes %d", e.number(unix.NFTA_COUNTER_PACKETS), e.number(unix.NFTA_COUNTER_BYTES))
	case "immediate":
		register(unix.NFTA_IMMEDIATE_DREG, regVerdict)
		return describeVerdict(e.nested(unix.NFTA_IMMEDIATE_DATA))
	}
	s.t.Errorf("unknown expression %q", name)
	return name
}

// named returns the name of a number, or the number.
func named(n uint64, names map[uint64]string) string {
	if name, ok := names[n]; ok {
		return name
	}
	return fmt.Sprint(n)
}
