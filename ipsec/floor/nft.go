package floor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// familyInet is the family of our tables: IPv4 and IPv6 together.
const familyInet = unix.NFPROTO_INET

// answerTimeout bounds the wait for the kernel, which queues the answer to a batch before sendmsg
// returns.
const answerTimeout = 5 * time.Second

// Registers of a rule.
const (
	regVerdict = unix.NFT_REG_VERDICT
	reg1       = unix.NFT_REG_1
)

// batch is a change of tables that the kernel carries out as a whole, between two packets, or not
// at all.
type batch struct {
	messages []netlink.Message
	err      error
}

// attributes encodes netlink attributes in network byte order, as nf_tables requires.
func attributes(build func(*netlink.AttributeEncoder)) ([]byte, error) {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	build(e)
	return e.Encode()
}

// request returns a message to nf_tables, without the flags that depend on its kind.
func request(kind uint16, build func(*netlink.AttributeEncoder)) (netlink.Message, error) {
	data, err := attributes(build)
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: netlink.Request},
		Data:   append([]byte{familyInet, unix.NFNETLINK_V0, 0, 0}, data...),
	}, err
}

func (b *batch) add(kind uint16, flags netlink.HeaderFlags, build func(*netlink.AttributeEncoder)) {
	m, err := request(kind, build)
	m.Header.Flags |= flags
	b.messages = append(b.messages, m)
	b.err = errors.Join(b.err, err)
}

// send makes the kernel carry out the batch.
func (b *batch) send(conn *netlink.Conn) error {
	if b.err != nil || len(b.messages) == 0 {
		return b.err
	}
	// The acknowledgement of the last message stands for all of them. The kernel reports each
	// failure without a request.
	b.messages[len(b.messages)-1].Header.Flags |= netlink.Acknowledge
	bracket := func(kind netlink.HeaderType) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: kind, Flags: netlink.Request},
			Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
		}
	}
	all := append([]netlink.Message{bracket(unix.NFNL_MSG_BATCH_BEGIN)}, b.messages...)
	all = append(all, bracket(unix.NFNL_MSG_BATCH_END))
	if _, err := conn.SendMessages(all); err != nil {
		return err
	}
	err := receive(conn, answerTimeout)
	for left := err; left != nil; { // each failed message has an error: read them all
		left = receive(conn, 100*time.Millisecond)
		if netlinkTimeout(left) {
			break
		}
	}
	return err
}

func receive(conn *netlink.Conn, timeout time.Duration) error {
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := conn.Receive()
	return err
}

func netlinkTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

// query sends a request that has one answer, and returns its attributes.
func query(conn *netlink.Conn, kind uint16, build func(*netlink.AttributeEncoder)) (*netlink.AttributeDecoder, error) {
	m, err := request(kind, build)
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return nil, err
	}
	answers, err := conn.Execute(m)
	if err != nil {
		return nil, err
	}
	if len(answers) != 1 || len(answers[0].Data) < 4 {
		return nil, fmt.Errorf("%d answers from nf_tables, want 1", len(answers))
	}
	d, err := netlink.NewAttributeDecoder(answers[0].Data[4:])
	if err == nil {
		d.ByteOrder = binary.BigEndian
	}
	return d, err
}

func (b *batch) addTable(table string, flags uint32) {
	b.add(unix.NFT_MSG_NEWTABLE, netlink.Create, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_TABLE_NAME, table)
		e.Uint32(unix.NFTA_TABLE_FLAGS, flags)
	})
}

func (b *batch) deleteTable(table string) {
	b.add(unix.NFT_MSG_DELTABLE, 0, func(e *netlink.AttributeEncoder) { e.String(unix.NFTA_TABLE_NAME, table) })
}

// addHook adds a base chain: all packets pass it at a hook.
func (b *batch) addHook(table, chain string, hook uint32, priority int32) {
	b.add(unix.NFT_MSG_NEWCHAIN, netlink.Create, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_CHAIN_TABLE, table)
		e.String(unix.NFTA_CHAIN_NAME, chain)
		e.String(unix.NFTA_CHAIN_TYPE, "filter")
		e.Nested(unix.NFTA_CHAIN_HOOK, func(e *netlink.AttributeEncoder) error {
			e.Uint32(unix.NFTA_HOOK_HOOKNUM, hook)
			e.Int32(unix.NFTA_HOOK_PRIORITY, priority)
			return nil
		})
	})
}

func (b *batch) addChain(table, chain string) {
	b.add(unix.NFT_MSG_NEWCHAIN, netlink.Create, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_CHAIN_TABLE, table)
		e.String(unix.NFTA_CHAIN_NAME, chain)
	})
}

func (b *batch) deleteChain(table, chain string) {
	b.add(unix.NFT_MSG_DELCHAIN, 0, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_CHAIN_TABLE, table)
		e.String(unix.NFTA_CHAIN_NAME, chain)
	})
}

// flushChain removes the rules of a chain.
func (b *batch) flushChain(table, chain string) {
	b.add(unix.NFT_MSG_DELRULE, 0, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_RULE_TABLE, table)
		e.String(unix.NFTA_RULE_CHAIN, chain)
	})
}

func (b *batch) addCounter(table, name string) {
	b.add(unix.NFT_MSG_NEWOBJ, netlink.Create, func(e *netlink.AttributeEncoder) {
		counterName(table, name)(e)
		e.Nested(unix.NFTA_OBJ_DATA, func(e *netlink.AttributeEncoder) error {
			e.Uint64(unix.NFTA_COUNTER_BYTES, 0)
			e.Uint64(unix.NFTA_COUNTER_PACKETS, 0)
			return nil
		})
	})
}

func (b *batch) deleteCounter(table, name string) {
	b.add(unix.NFT_MSG_DELOBJ, 0, counterName(table, name))
}

func counterName(table, name string) func(*netlink.AttributeEncoder) {
	return func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_OBJ_TABLE, table)
		e.String(unix.NFTA_OBJ_NAME, name)
		e.Uint32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_COUNTER)
	}
}

// packets returns the number of packets that a counter has counted.
func packets(conn *netlink.Conn, table, name string) (uint64, error) {
	d, err := query(conn, unix.NFT_MSG_GETOBJ, counterName(table, name))
	if err != nil {
		return 0, err
	}
	var n uint64
	for d.Next() {
		if d.Type() != unix.NFTA_OBJ_DATA {
			continue
		}
		d.Nested(func(d *netlink.AttributeDecoder) error {
			for d.Next() {
				if d.Type() == unix.NFTA_COUNTER_PACKETS {
					n = d.Uint64()
				}
			}
			return d.Err()
		})
	}
	return n, d.Err()
}

// uses returns the number of rules in a chain plus the number of jumps to it.
func uses(conn *netlink.Conn, table, chain string) (n uint32, err error) {
	d, err := query(conn, unix.NFT_MSG_GETCHAIN, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_CHAIN_TABLE, table)
		e.String(unix.NFTA_CHAIN_NAME, chain)
	})
	if err != nil {
		return 0, err
	}
	for d.Next() {
		if d.Type() == unix.NFTA_CHAIN_USE {
			n = d.Uint32()
		}
	}
	return n, d.Err()
}

// addressMap is a map from an address to the chain with the rules for this address.
type addressMap struct {
	name    string
	keyType uint32 // nft(8)'s number of the type
	keyLen  uint32
	id      uint32 // unique within a batch
}

func (b *batch) addMap(table string, m addressMap) {
	b.add(unix.NFT_MSG_NEWSET, netlink.Create, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_SET_TABLE, table)
		e.String(unix.NFTA_SET_NAME, m.name)
		e.Uint32(unix.NFTA_SET_FLAGS, unix.NFT_SET_MAP)
		e.Uint32(unix.NFTA_SET_KEY_TYPE, m.keyType)
		e.Uint32(unix.NFTA_SET_KEY_LEN, m.keyLen)
		e.Uint32(unix.NFTA_SET_DATA_TYPE, unix.NFT_DATA_VERDICT)
		e.Uint32(unix.NFTA_SET_ID, m.id)
	})
}

func (b *batch) addJump(table, name string, address []byte, chain string) {
	b.add(unix.NFT_MSG_NEWSETELEM, netlink.Create, element(table, name, address, chain))
}

func (b *batch) deleteJump(table, name string, address []byte, chain string) {
	b.add(unix.NFT_MSG_DELSETELEM, 0, element(table, name, address, chain))
}

func element(table, name string, address []byte, chain string) func(*netlink.AttributeEncoder) {
	return func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_SET_ELEM_LIST_TABLE, table)
		e.String(unix.NFTA_SET_ELEM_LIST_SET, name)
		e.Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(e *netlink.AttributeEncoder) error {
			e.Nested(unix.NFTA_LIST_ELEM, func(e *netlink.AttributeEncoder) error {
				e.Nested(unix.NFTA_SET_ELEM_KEY, value(address))
				e.Nested(unix.NFTA_SET_ELEM_DATA, verdict(unix.NFT_JUMP, chain))
				return nil
			})
			return nil
		})
	}
}

func value(octets []byte) func(*netlink.AttributeEncoder) error {
	return func(e *netlink.AttributeEncoder) error {
		e.Bytes(unix.NFTA_DATA_VALUE, octets)
		return nil
	}
}

func verdict(code int32, chain string) func(*netlink.AttributeEncoder) error {
	return func(e *netlink.AttributeEncoder) error {
		e.Nested(unix.NFTA_DATA_VERDICT, func(e *netlink.AttributeEncoder) error {
			e.Int32(unix.NFTA_VERDICT_CODE, code)
			if chain != "" {
				e.String(unix.NFTA_VERDICT_CHAIN, chain)
			}
			return nil
		})
		return nil
	}
}

// expression is one step of a rule. A step that does not match ends the rule for this packet.
type expression struct {
	name string
	data func(*netlink.AttributeEncoder)
}

func (b *batch) addRule(table, chain string, steps ...expression) {
	b.add(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_RULE_TABLE, table)
		e.String(unix.NFTA_RULE_CHAIN, chain)
		e.Nested(unix.NFTA_RULE_EXPRESSIONS, func(e *netlink.AttributeEncoder) error {
			for _, step := range steps {
				e.Nested(unix.NFTA_LIST_ELEM, func(e *netlink.AttributeEncoder) error {
					e.String(unix.NFTA_EXPR_NAME, step.name)
					e.Nested(unix.NFTA_EXPR_DATA, func(e *netlink.AttributeEncoder) error {
						step.data(e)
						return nil
					})
					return nil
				})
			}
			return nil
		})
	})
}

// meta loads metadata of the packet into register 1.
func meta(key uint32) expression {
	return expression{"meta", func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NFTA_META_DREG, reg1)
		e.Uint32(unix.NFTA_META_KEY, key)
	}}
}

// route loads a property of the packet's route into register 1.
func route(key uint32) expression {
	return expression{"rt", func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NFTA_RT_DREG, reg1)
		e.Uint32(unix.NFTA_RT_KEY, key)
	}}
}

// payload loads octets of the packet into register 1.
func payload(base, offset, length uint32) expression {
	return expression{"payload", func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NFTA_PAYLOAD_DREG, reg1)
		e.Uint32(unix.NFTA_PAYLOAD_BASE, base)
		e.Uint32(unix.NFTA_PAYLOAD_OFFSET, offset)
		e.Uint32(unix.NFTA_PAYLOAD_LEN, length)
	}}
}

// fragmentHeader loads octets of the IPv6 fragment header into register 1. It does not match
// packets without one.
func fragmentHeader(offset, length uint32) expression {
	return expression{"exthdr", func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NFTA_EXTHDR_DREG, reg1)
		e.Uint8(unix.NFTA_EXTHDR_TYPE, unix.IPPROTO_FRAGMENT)
		e.Uint32(unix.NFTA_EXTHDR_OFFSET, offset)
		e.Uint32(unix.NFTA_EXTHDR_LEN, length)
	}}
}

// equal matches if register 1 begins with these octets.
func equal(octets ...byte) expression { return compare(unix.NFT_CMP_EQ, octets) }

// differs matches if register 1 does not begin with these octets.
func differs(octets ...byte) expression { return compare(unix.NFT_CMP_NEQ, octets) }

// below matches if the first octet of register 1 is lower.
func below(octet byte) expression { return compare(unix.NFT_CMP_LT, []byte{octet}) }

// atLeast matches if the first octet of register 1 is not lower.
func atLeast(octet byte) expression { return compare(unix.NFT_CMP_GTE, []byte{octet}) }

func compare(how uint32, octets []byte) expression {
	return expression{"cmp", func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NFTA_CMP_SREG, reg1)
		e.Uint32(unix.NFTA_CMP_OP, how)
		e.Nested(unix.NFTA_CMP_DATA, value(octets))
	}}
}

// jump continues in the chain that the map has for register 1, if it has one.
func jump(m addressMap) expression {
	return expression{"lookup", func(e *netlink.AttributeEncoder) {
		e.String(unix.NFTA_LOOKUP_SET, m.name)
		e.Uint32(unix.NFTA_LOOKUP_SET_ID, m.id)
		e.Uint32(unix.NFTA_LOOKUP_SREG, reg1)
		e.Uint32(unix.NFTA_LOOKUP_DREG, regVerdict)
	}}
}

// count adds the packet to a named counter.
func count(counter string) expression {
	return expression{"objref", func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NFTA_OBJREF_IMM_TYPE, unix.NFT_OBJECT_COUNTER)
		e.String(unix.NFTA_OBJREF_IMM_NAME, counter)
	}}
}

// counted counts the packets that reach this step, for operators who list the rules.
func counted() expression {
	return expression{"counter", func(e *netlink.AttributeEncoder) {
		e.Uint64(unix.NFTA_COUNTER_BYTES, 0)
		e.Uint64(unix.NFTA_COUNTER_PACKETS, 0)
	}}
}

// conclude ends the chain with a verdict.
func conclude(code int32) expression {
	return expression{"immediate", func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NFTA_IMMEDIATE_DREG, regVerdict)
		e.Nested(unix.NFTA_IMMEDIATE_DATA, verdict(code, ""))
	}}
}
