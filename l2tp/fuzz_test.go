package l2tp

import (
	"errors"
	"reflect"
	"testing"
)

// canonical returns m without the fields that Append does not write.
func canonical(m Message) Message {
	m.Fallback = false
	m.Ignored = AVPError{}
	m.unhidden = nil
	return m
}

// FuzzMessage checks that a parsed message stays the same when Append encodes it and Parse reads
// the result.
func FuzzMessage(f *testing.F) {
	for _, g := range goldens {
		f.Add(unhex(f, g.wire))
	}
	f.Add(message(f, sccrq+randomVector+hiddenID+hiddenName))
	f.Add(message(f, icrq+randomVector+hiddenEndID+"800e 0000 003a 00012345 0001 0000"))
	key := NewHidingKey([]byte(secret))
	digests := NewKey([]byte(secret))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = digests.Verify(b, nonce1, nonce2)
		var first, second Message
		err := first.Parse(b, key)
		if err != nil {
			var h HeaderError
			var a *AVPError
			if !errors.As(err, &h) && !errors.As(err, &a) || err.Error() == "" {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		wire, err := Append(nil, &first)
		if err != nil {
			t.Fatalf("Append: %v\n%+v", err, first)
		}
		if err := second.Parse(wire, nil); err != nil {
			t.Fatalf("Parse of the result of Append: %v\n%x", err, wire)
		}
		if second.Ignored.Problem != NoProblem {
			t.Fatalf("Parse of the result of Append ignores %v", &second.Ignored)
		}
		if a, b := canonical(first), canonical(second); !reflect.DeepEqual(a, b) {
			t.Fatalf("\n got %+v\nwant %+v", b, a)
		}
	})
}

// FuzzUnhide checks that any octets are deciphered to a value that is no longer than them, or to an
// error, and that a hidden value is deciphered to the original one.
func FuzzUnhide(f *testing.F) {
	f.Add([]byte("\x00\x03abc"), []byte("vector"))
	f.Add([]byte("\xff\xff"), []byte{})
	key := NewHidingKey([]byte(secret))
	f.Fuzz(func(t *testing.T, value, vector []byte) {
		value, vector = value[:min(len(value), maxAVPValue)], vector[:min(len(vector), maxAVPValue)]
		var m Message
		got, problem := m.unhide(&avp{kind: AVPVendorName, value: value}, vector, key)
		if problem == NoProblem && len(got) > len(value)-hiddenLenSize {
			t.Fatalf("deciphered value of %d octets from %d octets", len(got), len(value))
		}

		name := value[:min(len(value), maxAVPValue-hiddenLenSize)]
		sent := Message{Type: SCCRQ, Has: AVPs(AVPRandomVector, AVPVendorName), RandomVector: vector, VendorName: name}
		wire, err := AppendHidden(nil, &sent, key, AVPs(AVPVendorName))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Parse(wire, key); err != nil || string(m.VendorName) != string(name) {
			t.Fatalf("%x, %v; want %x", m.VendorName, err, name)
		}
	})
}
