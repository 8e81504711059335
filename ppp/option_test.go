package ppp

import (
	"bytes"
	"net/netip"
	"testing"
)

// optionCodecs has the encoding of each option that is negotiated.
var optionCodecs = []struct {
	name   string
	golden string
	append func(b []byte) []byte
	read   func(o option) bool // reports whether the value is the one appended
}{
	{
		"Maximum-Receive-Unit 1460 (RFC 1661, 6.1)", "0104 05b4",
		func(b []byte) []byte { return appendUint16Option(b, optionMRU, 1460) },
		func(o option) bool { v, ok := o.uint16(); return ok && v == 1460 },
	},
	{
		"Magic-Number (RFC 1661, 6.4)", "0506 01020304",
		func(b []byte) []byte { return appendUint32Option(b, optionMagicNumber, 0x01020304) },
		func(o option) bool { v, ok := o.uint32(); return ok && v == 0x01020304 },
	},
	{
		"IP-Address 10.255.0.1 (RFC 1332, 3.3)", "0306 0aff0001",
		func(b []byte) []byte { return appendAddrOption(b, optionIPAddress, netip.MustParseAddr("10.255.0.1")) },
		func(o option) bool { v, ok := o.addr(); return ok && v == netip.MustParseAddr("10.255.0.1") },
	},
	{
		"Interface-Identifier (RFC 5072, 4.1)", "010a 0102030405060708",
		func(b []byte) []byte { return appendUint64Option(b, optionInterfaceID, 0x0102030405060708) },
		func(o option) bool { v, ok := o.uint64(); return ok && v == 0x0102030405060708 },
	},
}

func TestOptionCodecs(t *testing.T) {
	for _, tc := range optionCodecs {
		t.Run(tc.name, func(t *testing.T) {
			golden := unhex(t, tc.golden)
			if got := tc.append(nil); !bytes.Equal(got, golden) {
				t.Fatalf("appended %x, want %x", got, golden)
			}
			if !options(golden).wellFormed() || !tc.read(option(golden)) {
				t.Fatal("the value read differs from the one appended")
			}
			for n := 1; n < len(golden); n++ {
				if options(golden[:n]).wellFormed() {
					t.Errorf("truncated to %d octets: well-formed", n)
				}
				// With a Length that matches it is well-formed, but has no valid value.
				short := bytes.Clone(golden[:n])
				if n >= optionHeaderLen {
					short[1] = byte(n)
					if !options(short).wellFormed() || tc.read(option(short)) {
						t.Errorf("an option of %d octets: not well-formed, or accepted", n)
					}
				}
			}
			long := append(bytes.Clone(golden), 0)
			long[1]++
			if !options(long).wellFormed() || tc.read(option(long)) {
				t.Error("an option that is one octet too long: not well-formed, or accepted")
			}
		})
	}
}

func TestOptionsList(t *testing.T) {
	list := options(unhex(t, "010405b4 0702 0802 050600000001"))
	var kinds []uint8
	for o := range list.all() {
		kinds = append(kinds, o.kind())
	}
	if !bytes.Equal(kinds, []uint8{1, 7, 8, 5}) {
		t.Errorf("kinds %v", kinds)
	}
	if o := list.find(optionACFC); o == nil || len(o.data()) != 0 {
		t.Errorf("ACFC: found %x, want an option without data", o)
	}
	if o := list.find(optionAuthentication); o != nil {
		t.Errorf("Authentication-Protocol: found %x, want none", o)
	}
	for _, bad := range []string{"01", "0100", "0101ff", "01ff", "0702 01"} {
		if options(unhex(t, bad)).wellFormed() {
			t.Errorf("%s is well-formed", bad)
		}
	}
}

// RFC 1661, section 5.4: rejected options are a subset of those requested,
// neither reordered nor modified.
func TestOptionsContain(t *testing.T) {
	list := options(unhex(t, "010405b4 050600000001 0802"))
	for sub, want := range map[string]bool{
		"":                           true,
		"010405b4":                   true,
		"0802":                       true,
		"010405b4 0802":              true,
		"010405b4 050600000001 0802": true,
		"0802 010405b4":              false,
		"010405b5":                   false,
		"0702":                       false,
		"0802 0802":                  false,
	} {
		if got := list.contains(unhex(t, sub)); got != want {
			t.Errorf("contains %q: %v, want %v", sub, got, want)
		}
	}
}
