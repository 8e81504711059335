// Package endid reads and writes VPN-IDs (RFC 2685), which identify virtual private networks. On
// the wire a VPN-ID is the 7 octets of a Remote End ID AVP (RFC 3931, section 5.4.4), with which
// every session request says which VPN it is for. In configurations and logs it is text, such as
// 00005e:00000001.
package endid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Len is the length of a VPN-ID on the wire, in octets (RFC 2685, section 4).
const Len = 7

const (
	ouiOctets   = 3
	indexOctets = 4
)

// VPNID is a VPN-ID in its wire format: 3 octets with the Organizationally Unique Identifier (OUI)
// of the VPN authority, then 4 octets with the VPN index, both with the most significant octet
// first (RFC 2685, section 4). VPNIDs can be compared with ==. RFC 2685 reserves no value, so the
// zero value is a valid VPN-ID.
type VPNID [Len]byte

// Parse reads a VPN-ID in the format OUI:INDEX, both in hexadecimal with or without leading zeros:
// 00005e:00000001 or 5e:1. The error says what is expected.
func Parse(s string) (VPNID, error) {
	oui, index, found := strings.Cut(s, ":")
	if !found {
		return VPNID{}, fmt.Errorf("invalid VPN-ID %q; expected OUI:INDEX in hexadecimal, such as 00005e:00000001", s)
	}
	o, err := parseHex("OUI", oui, ouiOctets)
	if err != nil {
		return VPNID{}, fmt.Errorf("invalid VPN-ID %q: %w", s, err)
	}
	i, err := parseHex("index", index, indexOctets)
	if err != nil {
		return VPNID{}, fmt.Errorf("invalid VPN-ID %q: %w", s, err)
	}
	return New(o, i), nil
}

// parseHex reads a number of 1 to 2*octets hexadecimal digits. part is its name in errors.
func parseHex(part, s string, octets int) (uint32, error) {
	v, err := strconv.ParseUint(s, 16, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s %q is not hexadecimal: want 1 to %d digits 0-9 or a-f", part, s, 2*octets)
	}
	if len(s) > 2*octets {
		return 0, fmt.Errorf("%s %q has %d digits: want 1 to %d", part, s, len(s), 2*octets)
	}
	return uint32(v), nil
}

// New returns the VPN-ID with this OUI and index. It ignores the upper 8 bits of oui.
func New(oui, index uint32) VPNID {
	var v VPNID
	binary.BigEndian.PutUint32(v[ouiOctets:], index)
	v[0], v[1], v[2] = byte(oui>>16), byte(oui>>8), byte(oui)
	return v
}

// FromOctets reads a VPN-ID from the value of a Remote End ID AVP, which must have 7 octets.
func FromOctets(b []byte) (VPNID, error) {
	if len(b) != Len {
		return VPNID{}, fmt.Errorf("invalid VPN-ID of %d octets: want %d", len(b), Len)
	}
	return VPNID(b), nil
}

// OUI returns the Organizationally Unique Identifier of the VPN authority, 24 bits.
func (v VPNID) OUI() uint32 { return uint32(v[0])<<16 | uint32(v[1])<<8 | uint32(v[2]) }

// Index returns the VPN index, which the VPN authority has assigned.
func (v VPNID) Index() uint32 { return binary.BigEndian.Uint32(v[ouiOctets:]) }

// AppendOctets appends the 7 octets of the VPN-ID, the value of a Remote End ID AVP, to b.
func (v VPNID) AppendOctets(b []byte) []byte { return append(b, v[:]...) }

// String returns the VPN-ID with leading zeros, such as 00005e:00000001.
func (v VPNID) String() string { return fmt.Sprintf("%06x:%08x", v.OUI(), v.Index()) }

// MarshalText returns String, for encodings such as JSON.
func (v VPNID) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads text as Parse does, for encodings such as JSON. After an error v is
// unchanged.
func (v *VPNID) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}
