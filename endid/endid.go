// Package endid names a virtual private network on the wire and on paper: the VPN-ID of RFC 2685,
// which the Remote End ID AVP (RFC 3931 section 5.4.4) of each session carries as its 7 octets and
// nothing else.
package endid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Len is the length of a VPN-ID on the wire, in octets (RFC 2685 section 4).
const Len = 7

const (
	ouiOctets   = 3
	indexOctets = 4
)

// VPNID is a VPN-ID (RFC 2685 section 4) as it is on the wire: 3 octets of the VPN authority's
// Organizationally Unique Identifier, then 4 octets of VPN index, both most significant octet
// first. It is comparable. RFC 2685 reserves no value, so the zero VPNID is a VPN-ID like any
// other.
type VPNID [Len]byte

// Parse reads a VPN-ID written as OUI and index in hexadecimal with a colon between:
// 00005e:00000001, or 5e:1 for short. The error says what would be right.
func Parse(s string) (VPNID, error) {
	oui, index, found := strings.Cut(s, ":")
	if !found {
		return VPNID{}, fmt.Errorf("%q is no VPN-ID: want OUI:INDEX in hexadecimal, such as 00005e:00000001", s)
	}
	o, err := parseHex("OUI", oui, ouiOctets)
	if err != nil {
		return VPNID{}, fmt.Errorf("%q is no VPN-ID: %w", s, err)
	}
	i, err := parseHex("index", index, indexOctets)
	if err != nil {
		return VPNID{}, fmt.Errorf("%q is no VPN-ID: %w", s, err)
	}
	return New(o, i), nil
}

// parseHex reads 1 to 2*octets hexadecimal digits.
func parseHex(part, s string, octets int) (uint32, error) {
	v, err := strconv.ParseUint(s, 16, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s %q is not hexadecimal: want 1 to %d of 0-9 and a-f", part, s, 2*octets)
	}
	if len(s) > 2*octets {
		return 0, fmt.Errorf("%s %q has %d digits: want 1 to %d", part, s, len(s), 2*octets)
	}
	return uint32(v), nil
}

// New is the VPN-ID of that OUI, of which the lower 24 bits count, and that index.
func New(oui, index uint32) VPNID {
	var v VPNID
	binary.BigEndian.PutUint32(v[ouiOctets:], index)
	v[0], v[1], v[2] = byte(oui>>16), byte(oui>>8), byte(oui)
	return v
}

// FromOctets reads the value of a Remote End ID AVP (RFC 3931 section 5.4.4). It must be exactly 7
// octets long.
func FromOctets(b []byte) (VPNID, error) {
	if len(b) != Len {
		return VPNID{}, fmt.Errorf("a Remote End ID of %d octets is no VPN-ID: want the %d octets of RFC 2685", len(b), Len)
	}
	return VPNID(b), nil
}

// OUI is the Organizationally Unique Identifier of the VPN authority, 24 bits.
func (v VPNID) OUI() uint32 { return uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2]) }

// Index is the number that the VPN authority gave the VPN.
func (v VPNID) Index() uint32 { return binary.BigEndian.Uint32(v[ouiOctets:]) }

// AppendOctets appends the 7 octets that are the value of a Remote End ID AVP.
func (v VPNID) AppendOctets(b []byte) []byte { return append(b, v[:]...) }

// String is the VPN-ID in full, such as 00005e:00000001.
func (v VPNID) String() string { return fmt.Sprintf("%06x:%08x", v.OUI(), v.Index()) }

// MarshalText is String, for encodings such as JSON.
func (v VPNID) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is Parse, for encodings such as JSON.
func (v *VPNID) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}
