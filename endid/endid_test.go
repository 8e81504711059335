package endid

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The VPN-ID of the example configurations, and its octets.
var (
	red       = VPNID{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01}
	redOctets = []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01}
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want VPNID
		full string
	}{
		{"00005e:00000001", red, "00005e:00000001"},
		{"5e:1", red, "00005e:00000001"},
		{"5E:1", red, "00005e:00000001"},
		{"aBcDeF:12345678", VPNID{0xab, 0xcd, 0xef, 0x12, 0x34, 0x56, 0x78}, "abcdef:12345678"},
		{"ffffff:ffffffff", VPNID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "ffffff:ffffffff"},
		{"0:0", VPNID{}, "000000:00000000"}, // RFC 2685 reserves no value
	} {
		got, err := Parse(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
		if got.String() != tt.full {
			t.Errorf("Parse(%q).String() = %q, want %q", tt.text, got, tt.full)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const hexOUI, hexIndex = "want 1 to 6 digits 0-9 or a-f", "want 1 to 8 digits 0-9 or a-f"
	for _, tt := range []struct{ text, want string }{
		{"", `invalid VPN-ID ""; expected OUI:INDEX in hexadecimal, such as 00005e:00000001`},
		{"5e", `invalid VPN-ID "5e"; expected OUI:INDEX in hexadecimal, such as 00005e:00000001`},
		{":1", `invalid VPN-ID ":1": OUI "" is not hexadecimal: ` + hexOUI},
		{"5e:", `invalid VPN-ID "5e:": index "" is not hexadecimal: ` + hexIndex},
		{"5e:1:2", `invalid VPN-ID "5e:1:2": index "1:2" is not hexadecimal: ` + hexIndex},
		{"0x5e:1", `invalid VPN-ID "0x5e:1": OUI "0x5e" is not hexadecimal: ` + hexOUI},
		{"+5e:1", `invalid VPN-ID "+5e:1": OUI "+5e" is not hexadecimal: ` + hexOUI},
		{"5e: 1", `invalid VPN-ID "5e: 1": index " 1" is not hexadecimal: ` + hexIndex},
		{"5e:1_0", `invalid VPN-ID "5e:1_0": index "1_0" is not hexadecimal: ` + hexIndex},
		{"1000000:1", `invalid VPN-ID "1000000:1": OUI "1000000" has 7 digits: want 1 to 6`},
		{"5e:100000000", `invalid VPN-ID "5e:100000000": index "100000000" has 9 digits: want 1 to 8`},
		{"5e:000000001", `invalid VPN-ID "5e:000000001": index "000000001" has 9 digits: want 1 to 8`},
	} {
		if _, err := Parse(tt.text); err == nil || err.Error() != tt.want {
			t.Errorf("Parse(%q):\n got %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

func TestParts(t *testing.T) {
	v := New(0x00005e, 0x01020304)
	if v.OUI() != 0x00005e || v.Index() != 0x01020304 {
		t.Errorf("OUI %#x, index %#x, want 0x5e and 0x1020304", v.OUI(), v.Index())
	}
}

// RFC 3931, section 5.4.4, does not define the format of the Remote End ID. Between l2tpvl and its
// peers it has exactly 7 octets.
func TestOctets(t *testing.T) {
	if got := red.AppendOctets([]byte{0xaa}); !bytes.Equal(got, append([]byte{0xaa}, redOctets...)) {
		t.Errorf("AppendOctets = %x", got)
	}
	for n := range 10 {
		got, err := FromOctets(append(bytes.Clone(redOctets), 0, 0, 0)[:n])
		if (err == nil) != (n == Len) {
			t.Errorf("FromOctets with %d octets: error %v", n, err)
		}
		if n == Len && got != red {
			t.Errorf("FromOctets = %v, want %v", got, red)
		}
	}
	const want = "invalid VPN-ID of 3 octets: want 7"
	if _, err := FromOctets([]byte("red")); err == nil || err.Error() != want {
		t.Errorf("FromOctets:\n got %v\nwant %s", err, want)
	}
}

func TestJSON(t *testing.T) {
	text, err := json.Marshal(map[VPNID]VPNID{red: red})
	if err != nil || string(text) != `{"00005e:00000001":"00005e:00000001"}` {
		t.Fatalf("Marshal = %s, %v", text, err)
	}
	var back map[VPNID]VPNID
	if err := json.Unmarshal(text, &back); err != nil || back[red] != red {
		t.Errorf("Unmarshal = %v, %v", back, err)
	}
	unchanged := red
	if err := unchanged.UnmarshalText([]byte("red")); err == nil || unchanged != red {
		t.Errorf("UnmarshalText of an invalid VPN-ID: %v, %v, want the value unchanged and an error", unchanged, err)
	}
}

func TestAppendOctetsDoesNotAllocate(t *testing.T) {
	b := make([]byte, 0, Len)
	if n := testing.AllocsPerRun(100, func() { b = red.AppendOctets(b[:0]) }); n != 0 {
		t.Errorf("AppendOctets allocates %v times", n)
	}
}

// FuzzParse checks that Parse and FromOctets read what String and AppendOctets write.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"00005e:00000001", "5e:1", "ffffff:ffffffff", "0:0", "5e", "+1:1", "1:0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(v.String())
		if err != nil || again != v {
			t.Errorf("Parse(%q) = %v, but Parse(%q) = %v, %v", s, v, v, again, err)
		}
		wire, err := FromOctets(v.AppendOctets(nil))
		if err != nil || wire != v {
			t.Errorf("FromOctets of the octets of %v = %v, %v", v, wire, err)
		}
	})
}
