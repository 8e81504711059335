package l2tp

import (
	"bytes"
	"testing"
)

// The header of a data message over UDP (RFC 3931, section 4.1.2.1), with a cookie and a sublayer
// (section 4.6), as the Linux kernel sends it.
func TestDataMessage(t *testing.T) {
	want := unhex(t, `
		0003 0000              -- T clear, version 3; reserved
		000007d2               -- session ID
		b1b2b3b4 b5b6b7b8      -- cookie
		40abcdef               -- sublayer: S, sequence number
		ff03 c021              -- payload`)
	cookie := unhex(t, "b1b2b3b4 b5b6b7b8")
	sublayer := DefaultSublayer{Sequenced: true, Sequence: 0xabcdef}

	got := AppendDataHeader(nil, 0x7d2, cookie)
	got = AppendDefaultSublayer(got, sublayer)
	got = append(got, 0xff, 0x03, 0xc0, 0x21)
	if !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}

	id, rest, err := ParseDataHeader(want)
	if id != 0x7d2 || err != nil {
		t.Fatalf("session ID %#x, %v", id, err)
	}
	rest, ok := CutCookie(rest, cookie)
	if !ok {
		t.Fatal("cookie not found")
	}
	s, payload, err := ParseDefaultSublayer(rest)
	if s != sublayer || err != nil || !bytes.Equal(payload, []byte{0xff, 0x03, 0xc0, 0x21}) {
		t.Errorf("sublayer %+v, payload %x, %v", s, payload, err)
	}
}

// Over IP the header is only the session ID and the cookie. Session ID 0 marks control messages
// (RFC 3931, sections 4.1.1.1 and 4.1.1.2).
func TestIPDataMessage(t *testing.T) {
	got := AppendIPDataHeader(nil, 0x7d2, []byte{1, 2, 3, 4})
	if want := unhex(t, "000007d2 01020304"); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	id, rest, err := ParseIPDataHeader(got)
	if id != 0x7d2 || !bytes.Equal(rest, []byte{1, 2, 3, 4}) || err != nil {
		t.Errorf("session ID %#x, rest %x, %v", id, rest, err)
	}
	id, rest, err = ParseIPDataHeader(append([]byte{0, 0, 0, 0}, goldenWire(t, "HELLO")...))
	if id != 0 || err != nil {
		t.Errorf("session ID %#x, %v", id, err)
	}
	var m Message
	if err := m.Parse(rest, nil); err != nil || m.Type != HELLO {
		t.Errorf("%v, %v", m.Type, err)
	}
	if _, _, err := ParseIPDataHeader([]byte{0, 0, 0}); err != ErrTruncated {
		t.Errorf("three octets: %v", err)
	}
}

func TestParseDataHeaderErrors(t *testing.T) {
	tests := []struct {
		name string
		wire string
		want error
	}{
		{"reserved bits set", "7ff3 ffff 00000001", nil},
		{"7 octets", "0003 0000 000000", ErrTruncated},
		{"control", "c803 0008 00000001", ErrNotData},
		{"L2TPv2", "4002 0008 00010001", ErrVersion2},
		{"L2F", "0001 0000 00000001", ErrVersion},
	}
	for _, test := range tests {
		if _, _, err := ParseDataHeader(unhex(t, test.wire)); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestCutCookie(t *testing.T) {
	tests := []struct {
		b, cookie, payload string
		ok                 bool
	}{
		{"", "", "", true},
		{"payload", "", "payload", true},
		{"abcdpayload", "abcd", "payload", true},
		{"abcdefghpayload", "abcdefgh", "payload", true},
		{"abcxpayload", "abcd", "", false},
		{"abc", "abcd", "", false},
		{"", "abcd", "", false},
	}
	for _, test := range tests {
		payload, ok := CutCookie([]byte(test.b), []byte(test.cookie))
		if string(payload) != test.payload || ok != test.ok {
			t.Errorf("CutCookie(%q, %q) = %q, %t, want %q, %t", test.b, test.cookie, payload, ok, test.payload, test.ok)
		}
	}
}

func TestDefaultSublayer(t *testing.T) {
	tests := []struct {
		wire string
		want DefaultSublayer
	}{
		{"00000000", DefaultSublayer{}},
		{"40000000", DefaultSublayer{Sequenced: true}}, // 0 is a valid sequence number
		{"40ffffff", DefaultSublayer{Sequenced: true, Sequence: 1<<24 - 1}},
		{"bf000001", DefaultSublayer{Sequence: 1}}, // reserved bits
	}
	for _, test := range tests {
		if s, _, err := ParseDefaultSublayer(unhex(t, test.wire)); s != test.want || err != nil {
			t.Errorf("%s: %+v, %v", test.wire, s, err)
		}
	}
	if got := AppendDefaultSublayer(nil, DefaultSublayer{Sequence: 1 << 24}); !bytes.Equal(got, []byte{0, 0, 0, 0}) {
		t.Errorf("2^24: %x", got)
	}
	if _, _, err := ParseDefaultSublayer([]byte{0, 0, 0}); err != ErrTruncated {
		t.Errorf("three octets: %v", err)
	}
}

func TestPeek(t *testing.T) {
	icrp := goldenWire(t, "ICRP")
	if id, ok := PeekConnectionID(icrp); id != 0x5f1c22ab || !ok {
		t.Errorf("connection ID %#x, %t", id, ok)
	}
	if _, ok := PeekConnectionID(icrp[:11]); ok {
		t.Error("PeekConnectionID finds a connection ID in 11 octets")
	}
	if !IsControl(icrp) || IsControl(AppendDataHeader(nil, 1, nil)) || IsControl(nil) {
		t.Error("IsControl must be true for the ICRP, and false for a data message and for no octets")
	}
}
