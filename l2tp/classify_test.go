package l2tp

import (
	"bytes"
	"testing"
)

func TestClassify(t *testing.T) {
	tests := []struct {
		name    string
		wire    string
		kind    Kind
		id      uint32
		message string
	}{
		{"control", "c803 000c 00000007 0001 0002", KindControl, 7, "c803 000c 00000007 0001 0002"},
		{"control, connection 0", "c803 000c 00000000 0001 0002", KindControl, 0, "c803 000c 00000000 0001 0002"},
		{"control, only to the ID", "8003 0000 00000007", KindControl, 7, "8003 0000 00000007"},
		{"data", "0003 0000 000007d2 b1b2b3b4 ff03 c021", KindData, 0x7d2, "b1b2b3b4 ff03 c021"},
		{"data, session ID 0", "0003 0000 00000000 ff03", KindData, 0, "ff03"},
		{"data, no payload", "0003 0000 000007d2", KindData, 0x7d2, ""},
		{"data, reserved bits set", "7ff3 ffff 000007d2 ff03", KindData, 0x7d2, "ff03"},
		{"7 octets", "0003 0000 000007", KindInvalid, 0, ""},
		{"empty", "", KindInvalid, 0, ""},
		{"L2TPv2 control", "c802 000c 00010001 0001 0002", KindInvalid, 0, ""},
		{"L2TPv2 data", "4002 0008 00010001", KindInvalid, 0, ""},
		{"L2F", "0001 0000 00000001", KindInvalid, 0, ""},
	}
	for _, test := range tests {
		b := unhex(t, test.wire)
		kind, id, message := ClassifyUDP(b)
		if kind != test.kind || id != test.id || !bytes.Equal(message, unhex(t, test.message)) {
			t.Errorf("%s: kind %d, ID %#x, message %x; want %d, %#x, %s", test.name, kind, id, message, test.kind, test.id, test.message)
		}
	}
}

func TestClassifyIP(t *testing.T) {
	tests := []struct {
		name    string
		wire    string
		kind    Kind
		id      uint32
		message string
	}{
		{"control", "00000000 c803 000c 00000007 0001 0002", KindControl, 7, "c803 000c 00000007 0001 0002"},
		{"data", "000007d2 b1b2b3b4 ff03 c021", KindData, 0x7d2, "b1b2b3b4 ff03 c021"},
		{"data, no payload", "000007d2", KindData, 0x7d2, ""},
		{"control as over UDP", "c803 000c 00000007 0001 0002", KindData, 0xc803000c, "00000007 0001 0002"},
		{"session ID 0, T bit clear", "00000000 4803 000c 00000007", KindInvalid, 0, ""},
		{"session ID 0, data as over UDP", "00000000 0003 0000 000007d2 ff03", KindInvalid, 0, ""},
		{"session ID 0, L2TPv2", "00000000 c802 000c 00010001", KindInvalid, 0, ""},
		{"session ID 0, 7 octets more", "00000000 c803 000c 000000", KindInvalid, 0, ""},
		{"session ID 0 alone", "00000000", KindInvalid, 0, ""},
		{"3 octets", "000000", KindInvalid, 0, ""},
		{"empty", "", KindInvalid, 0, ""},
	}
	for _, test := range tests {
		kind, id, message := ClassifyIP(unhex(t, test.wire))
		if kind != test.kind || id != test.id || !bytes.Equal(message, unhex(t, test.message)) {
			t.Errorf("%s: kind %d, ID %#x, message %x; want %d, %#x, %s", test.name, kind, id, message, test.kind, test.id, test.message)
		}
	}
}

// A message that is cut off after any octet is valid from the end of the session ID or of the
// Control Connection ID on, and not before.
func TestClassifyTruncated(t *testing.T) {
	control := goldenWire(t, "HELLO")
	data := AppendDefaultSublayer(AppendDataHeader(nil, 0x7d2, []byte{1, 2, 3, 4}), DefaultSublayer{})
	for _, test := range []struct {
		name     string
		classify func([]byte) (Kind, uint32, []byte)
		whole    []byte
		kind     Kind
		header   int // length up to which a message is invalid
	}{
		{"control over UDP", ClassifyUDP, control, KindControl, DataHeaderLen},
		{"data over UDP", ClassifyUDP, data, KindData, DataHeaderLen},
		{"control over IP", ClassifyIP, append(make([]byte, SessionIDLen), control...), KindControl, SessionIDLen + DataHeaderLen},
		{"data over IP", ClassifyIP, data[DataHeaderLen-SessionIDLen:], KindData, SessionIDLen},
	} {
		for n := range len(test.whole) + 1 {
			kind, _, message := test.classify(test.whole[:n:n])
			switch {
			case n < test.header && (kind != KindInvalid || message != nil):
				t.Errorf("%s, %d octets: kind %d, message %x; want it invalid", test.name, n, kind, message)
			case n >= test.header && (kind != test.kind || !bytes.HasSuffix(test.whole[:n], message)):
				t.Errorf("%s, %d octets: kind %d, message %x; want kind %d and the end of it", test.name, n, kind, message, test.kind)
			}
		}
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	data := AppendDataHeader(nil, 0x7d2, []byte{1, 2, 3, 4})
	control := append(make([]byte, SessionIDLen), goldenWire(t, "HELLO")...)
	if n := testing.AllocsPerRun(100, func() {
		ClassifyUDP(data)
		ClassifyIP(control)
		ClassifyUDP(nil)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzClassify checks that ClassifyUDP agrees with ParseDataHeader, and that a datagram of a known
// kind is encoded again as it was, except for reserved bits.
func FuzzClassify(f *testing.F) {
	f.Add([]byte{})
	f.Add(goldenWire(f, "HELLO"))
	f.Add(AppendDataHeader(nil, 1, []byte{1, 2, 3, 4}))
	f.Add(append(make([]byte, SessionIDLen), goldenWire(f, "ICRP")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, _, _ := ClassifyUDP(b)
		if _, _, err := ParseDataHeader(b); kind == KindData != (err == nil) || kind == KindControl != (err == ErrNotData) {
			t.Errorf("%x: kind %d, but ParseDataHeader returned %v", b, kind, err)
		}
		switch kind, id, message := ClassifyUDP(b); kind {
		case KindData:
			if again := AppendDataHeader(nil, id, message); !bytes.Equal(again[4:], b[4:]) {
				t.Errorf("%x was encoded as %x", b, again)
			}
		case KindControl:
			if !IsControl(message) || !bytes.Equal(message, b) {
				t.Errorf("%x: control message %x", b, message)
			}
		case KindInvalid:
			if id != 0 || message != nil {
				t.Errorf("%x is invalid, but has ID %#x and message %x", b, id, message)
			}
		}
		switch kind, id, message := ClassifyIP(b); kind {
		case KindData:
			if again := AppendIPDataHeader(nil, id, message); id == 0 || !bytes.Equal(again, b) {
				t.Errorf("%x was encoded as %x", b, again)
			}
		case KindControl:
			if again := AppendIPDataHeader(nil, 0, message); !IsControl(message) || !bytes.Equal(again, b) {
				t.Errorf("%x: control message %x", b, message)
			}
		case KindInvalid:
			if id != 0 || message != nil {
				t.Errorf("%x is invalid, but has ID %#x and message %x", b, id, message)
			}
		}
	})
}
