package ppp

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"strings"
)

// option is one well-formed Configuration Option: Type, Length, Data (RFC 1661, section 6).
type option []byte

// options is a list of Configuration Options as in a control packet.
type options []byte

const optionHeaderLen = 2

// wellFormed reports whether the list consists of complete options.
func (l options) wellFormed() bool {
	for len(l) > 0 {
		if len(l) < optionHeaderLen || l[1] < optionHeaderLen || int(l[1]) > len(l) {
			return false
		}
		l = l[l[1]:]
	}
	return true
}

// all yields the options of a well-formed list.
func (l options) all() iter.Seq[option] {
	return func(yield func(option) bool) {
		for len(l) > 0 {
			n := l[1]
			if !yield(option(l[:n:n])) {
				return
			}
			l = l[n:]
		}
	}
}

// find returns the first option of a kind, or nil.
func (l options) find(kind uint8) option {
	for o := range l.all() {
		if o.kind() == kind {
			return o
		}
	}
	return nil
}

// contains reports whether sub is l without some of its options, as the options of a
// Configure-Reject must be (RFC 1661, section 5.4).
func (l options) contains(sub options) bool {
	for o := range l.all() {
		if len(sub) == 0 {
			break
		}
		if n := int(sub[1]); string(sub[:n]) == string(o) {
			sub = sub[n:]
		}
	}
	return len(sub) == 0
}

func (o option) kind() uint8 { return o[0] }

func (o option) data() []byte { return o[optionHeaderLen:] }

// uint16 returns the value of an option of two octets of data.
func (o option) uint16() (uint16, bool) {
	if len(o) != optionHeaderLen+2 {
		return 0, false
	}
	return binary.BigEndian.Uint16(o.data()), true
}

// uint32 returns the value of an option of four octets of data.
func (o option) uint32() (uint32, bool) {
	if len(o) != optionHeaderLen+4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(o.data()), true
}

// uint64 returns the value of an option of eight octets of data.
func (o option) uint64() (uint64, bool) {
	if len(o) != optionHeaderLen+8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(o.data()), true
}

// addr returns the value of an option of one IPv4 address.
func (o option) addr() (netip.Addr, bool) {
	if len(o) != optionHeaderLen+4 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(o.data())), true
}

// auth returns the protocol of an Authentication-Protocol option, if it is one that we support:
// CHAP with MD5 (RFC 1994, section 3) or PAP (RFC 1334, section 2.1).
func (o option) auth() (Protocol, bool) {
	switch string(o) {
	case "\x03\x05\xc2\x23\x05":
		return ProtocolCHAP, true
	case "\x03\x04\xc0\x23":
		return ProtocolPAP, true
	}
	return 0, false
}

// authName returns the name of the protocol that an Authentication-Protocol option requests.
func authName(o option) string {
	if p, known := o.auth(); known {
		return p.String()
	}
	data := o.data()
	if len(data) < 2 {
		return fmt.Sprintf("a protocol %x", data)
	}
	p := Protocol(binary.BigEndian.Uint16(data))
	if p == ProtocolCHAP && len(data) == 3 {
		return fmt.Sprintf("CHAP with algorithm %d", data[2])
	}
	return strings.TrimSpace(fmt.Sprintf("%v %x", p, data[2:]))
}

// appendAuthOption appends the Authentication-Protocol option of a protocol.
func appendAuthOption(b []byte, p Protocol) []byte {
	if p == ProtocolCHAP {
		b = append(b, optionAuthentication, optionHeaderLen+3)
		return append(binary.BigEndian.AppendUint16(b, uint16(p)), algorithmMD5)
	}
	return appendUint16Option(b, optionAuthentication, uint16(p))
}

func appendUint16Option(b []byte, kind uint8, v uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, kind, optionHeaderLen+2), v)
}

func appendUint32Option(b []byte, kind uint8, v uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, kind, optionHeaderLen+4), v)
}

func appendUint64Option(b []byte, kind uint8, v uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, kind, optionHeaderLen+8), v)
}

// appendAddrOption appends an option of one IPv4 address.
func appendAddrOption(b []byte, kind uint8, a netip.Addr) []byte {
	v := a.As4()
	return append(append(b, kind, optionHeaderLen+4), v[:]...)
}
