package l2tp

import (
	"encoding/binary"
	"iter"
	"strconv"
)

// PseudowireType is the type of frames that a session carries (RFC 3931, section 10.6). IANA
// assigns the numbers.
type PseudowireType uint16

// Pseudowire types that open-source implementations of L2TPv3 support.
const (
	PseudowireEthernetVLAN PseudowireType = 0x0004 // RFC 4719
	PseudowireEthernet     PseudowireType = 0x0005 // RFC 4719
	PseudowireHDLC         PseudowireType = 0x0006 // RFC 4349
	PseudowirePPP          PseudowireType = 0x0007
	PseudowireIP           PseudowireType = 0x000b
)

// String returns a short name, such as "PPP", or "pseudowire type 153" for a type without one.
func (t PseudowireType) String() string {
	switch t {
	case PseudowireEthernetVLAN:
		return "Ethernet VLAN"
	case PseudowireEthernet:
		return "Ethernet"
	case PseudowireHDLC:
		return "HDLC"
	case PseudowirePPP:
		return "PPP"
	case PseudowireIP:
		return "IP"
	}
	return "pseudowire type " + strconv.Itoa(int(t))
}

// PseudowireList is the value of the Pseudowire Capabilities List AVP in its wire format: two
// octets for each type (RFC 3931, section 5.4.3).
type PseudowireList []byte

// Pseudowires returns the list of these types.
func Pseudowires(types ...PseudowireType) PseudowireList {
	l := make(PseudowireList, 0, 2*len(types))
	for _, t := range types {
		l = binary.BigEndian.AppendUint16(l, uint16(t))
	}
	return l
}

// All yields the types in order.
func (l PseudowireList) All() iter.Seq[PseudowireType] {
	return func(yield func(PseudowireType) bool) {
		for b := l; len(b) >= 2; b = b[2:] {
			if !yield(PseudowireType(binary.BigEndian.Uint16(b))) {
				return
			}
		}
	}
}

// Has reports whether t is in the list.
func (l PseudowireList) Has(t PseudowireType) bool {
	for have := range l.All() {
		if have == t {
			return true
		}
	}
	return false
}
