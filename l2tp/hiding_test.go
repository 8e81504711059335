package l2tp

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
)

// The hidden values below were computed with Python's hashlib and hmac modules as RFC 3931, section
// 5.3, says, with this Random Vector and the secret of digest_test.go.
const (
	randomVector = "8016 0000 0024 101112131415161718191a1b1c1d1e1f "

	hiddenEndID = "c00f 0000 0042 6299922ad00a7cbe9d "
	hiddenName  = "4030 0000 0008" + // three blocks of the cipher
		"3c76a5bbc3a82a2f94120da8dd0d2baa6dbe70c3c7c7c4a688e9f05441d0bce8930c1e6bb7cdad3b6217"
	hiddenID = "c018 0000 003d 2387b68d49c124675a7104ea752ace8bb654 " // 12 octets of padding
)

func hidingVector(t testing.TB) []byte {
	return unhex(t, randomVector)[avpHeaderLen:]
}

func TestHideKnownAnswers(t *testing.T) {
	key := NewHidingKey([]byte(secret))
	if got := hex.EncodeToString(key.shared[:]); got != "a59fcf3e649fac169e8b91204f7a90ff" {
		t.Fatalf("shared key %s", got)
	}
	tests := []struct {
		name    string
		message Message
		hide    AVPType
		wire    string
	}{
		{
			"less than one block",
			Message{
				Type: ICRQ, Has: AVPs(AVPRandomVector, AVPRemoteEndID),
				RemoteEndID: []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01},
			},
			AVPRemoteEndID, icrq + randomVector + hiddenEndID,
		},
		{
			"several blocks",
			Message{
				Type: SCCRQ, Has: AVPs(AVPRandomVector, AVPVendorName),
				VendorName: []byte("a vendor name of more than two blocks..."),
			},
			AVPVendorName, sccrq + randomVector + hiddenName,
		},
		{
			"one whole block",
			Message{
				Type: SCCRQ, Has: AVPs(AVPRandomVector, AVPVendorName),
				VendorName: []byte("fourteen chars"),
			},
			AVPVendorName, sccrq + randomVector + "4016 0000 0008 3c50a2f4c0bf302e9e0e0da5d4013cf9",
		},
		{
			"empty value",
			Message{Type: SCCRQ, Has: AVPs(AVPRandomVector, AVPVendorName), VendorName: []byte{}},
			AVPVendorName, sccrq + randomVector + "4008 0000 0008 3c5e",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.message.ConnectionID = 1
			test.message.RandomVector = hidingVector(t)
			want := message(t, test.wire)
			got, err := AppendHidden(nil, &test.message, key, AVPs(test.hide))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("AppendHidden: %v\n got %x\nwant %x", err, got, want)
			}
			var m Message
			if err := m.Parse(want, key); err != nil {
				t.Fatal(err)
			}
			m.unhidden = nil
			test.message.Has.Add(AVPMessageType)
			if !reflect.DeepEqual(m, test.message) {
				t.Errorf("Parse:\n got %+v\nwant %+v", m, test.message)
			}
		})
	}
}

// Padding hides the length of the value, too (RFC 3931, section 5.3).
func TestUnhidePadded(t *testing.T) {
	var m Message
	if err := m.Parse(message(t, sccrq+randomVector+hiddenID), NewHidingKey([]byte(secret))); err != nil {
		t.Fatal(err)
	}
	if m.AssignedConnectionID != 0x5f1c22ab {
		t.Errorf("Assigned Control Connection ID %#x", m.AssignedConnectionID)
	}
}

// A hidden AVP is deciphered with the last Random Vector before it.
func TestUnhideLastVector(t *testing.T) {
	key := NewHidingKey([]byte(secret))
	var m Message
	err := m.Parse(message(t, icrq+"8007 0000 0024 ff "+randomVector+hiddenEndID), key)
	if err != nil || !bytes.Equal(m.RemoteEndID, []byte{0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x01}) {
		t.Errorf("%v, Remote End ID %x", err, m.RemoteEndID)
	}
	err = m.Parse(message(t, icrq+randomVector+"8007 0000 0024 ff "+hiddenEndID), key)
	if err == nil {
		t.Errorf("Remote End ID %x was deciphered with the first of two vectors", m.RemoteEndID)
	}
}

func TestUnhideErrors(t *testing.T) {
	tests := []struct {
		name   string
		secret string
		avps   string
		want   AVPError
	}{
		{
			"another secret", "another", icrq + randomVector + hiddenEndID,
			AVPError{ICRQ, 0, AVPRemoteEndID, true, HiddenLength},
		},
		{
			"no Random Vector", secret, icrq + hiddenEndID + randomVector,
			AVPError{ICRQ, 0, AVPRemoteEndID, true, HiddenNoVector},
		},
		{
			"one octet", secret, icrq + randomVector + "c007 0000 0042 00",
			AVPError{ICRQ, 0, AVPRemoteEndID, true, HiddenLength},
		},
		{
			// Deciphers to length 3, but has two octets.
			"length one octet too large", secret, sccrq + randomVector + "c00a 0000 0008 3c5da5f9",
			AVPError{SCCRQ, 0, AVPVendorName, true, HiddenLength},
		},
		{
			// Deciphers to an empty value, which is too short for this AVP.
			"deciphered value too short", secret, sccrq + randomVector + "c00a 0000 003d 23830000",
			AVPError{SCCRQ, 0, AVPAssignedConnectionID, true, BadLength},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var m Message
			err := m.Parse(message(t, test.avps), NewHidingKey([]byte(test.secret)))
			if !reflect.DeepEqual(err, error(&test.want)) {
				t.Errorf("%v, want %v", err, &test.want)
			}
		})
	}
}

// Each golden message with all AVPs hidden that may be.
func TestHideAll(t *testing.T) {
	key := NewHidingKey([]byte(secret))
	var all AVPSet
	for i := range avpTable {
		all.Add(avpTable[i].avp)
	}
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			want := g.message
			if want.IsZLB() {
				return
			}
			want.Has.Add(AVPRandomVector)
			want.RandomVector = hidingVector(t)
			wire, err := AppendHidden(nil, &want, key, all)
			if err != nil {
				t.Fatal(err)
			}
			var m Message
			if err := m.Parse(wire, key); err != nil {
				t.Fatal(err)
			}
			m.unhidden = nil
			if !reflect.DeepEqual(m, want) {
				t.Errorf("\n got %+v\nwant %+v", m, want)
			}
		})
	}
}
