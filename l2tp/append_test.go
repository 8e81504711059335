package l2tp

import (
	"bytes"
	"reflect"
	"testing"
)

func TestAppendErrors(t *testing.T) {
	long := make([]byte, 2000)
	tests := []struct {
		name    string
		message Message
		want    AVPError
	}{
		{
			"AVP not allowed in the message",
			Message{Type: HELLO, Has: AVPs(AVPResultCode)},
			AVPError{HELLO, 0, AVPResultCode, true, Misplaced},
		},
		{
			"empty Host Name",
			Message{Type: SCCRQ, Has: AVPs(AVPHostName)},
			AVPError{SCCRQ, 0, AVPHostName, true, BadLength},
		},
		{
			"Vendor Name of 1018 octets",
			Message{Type: SCCRQ, Has: AVPs(AVPVendorName), VendorName: long[:1018]},
			AVPError{SCCRQ, 0, AVPVendorName, false, BadLength},
		},
		{
			"cookie of 5 octets",
			Message{Type: ICRP, Has: AVPs(AVPAssignedCookie), AssignedCookie: long[:5]},
			AVPError{ICRP, 0, AVPAssignedCookie, true, BadLength},
		},
		{
			"error message of 1014 octets",
			Message{Type: CDN, Has: AVPs(AVPResultCode), Result: Result{Message: long[:1014]}},
			AVPError{CDN, 0, AVPResultCode, true, BadLength},
		},
		{
			"digest of another type",
			Message{Type: HELLO, Has: AVPs(AVPMessageDigest), NumDigests: 1, Digests: [2]Digest{{DigestHMACSHA1, long[:16]}}},
			AVPError{HELLO, 0, AVPMessageDigest, true, BadLength},
		},
		{
			"digest longer than an AVP",
			Message{Type: HELLO, NumDigests: 1, Digests: [2]Digest{{9, long[:1017]}}},
			AVPError{HELLO, 0, AVPMessageDigest, true, BadLength},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Append([]byte("before"), &test.message)
			if !reflect.DeepEqual(err, error(&test.want)) || string(got) != "before" {
				t.Errorf("Append: error %v, want %v; returned %q, want dst unchanged", err, &test.want, got)
			}
		})
	}
}

func TestAppendHiddenErrors(t *testing.T) {
	key := NewHidingKey([]byte(secret))
	hide := AVPs(AVPVendorName, AVPHostName)
	m := Message{Type: SCCRQ, Has: AVPs(AVPVendorName), VendorName: make([]byte, 1016)}
	tests := []struct {
		name   string
		key    *HidingKey
		vector bool
		want   Problem
	}{
		{"no secret", nil, true, HiddenNoKey},
		{"no Random Vector", key, false, HiddenNoVector},
		{"too long for a hidden AVP", key, true, BadLength},
	}
	for _, test := range tests {
		if m.Has = AVPs(AVPVendorName); test.vector {
			m.Has.Add(AVPRandomVector)
		}
		_, err := AppendHidden(nil, &m, test.key, hide)
		want := &AVPError{SCCRQ, 0, AVPVendorName, false, test.want}
		if !reflect.DeepEqual(err, error(want)) {
			t.Errorf("%s: %v, want %v", test.name, err, want)
		}
	}

	// AVPs that must not be hidden are not.
	m = Message{Type: SCCRQ, Has: AVPs(AVPHostName), HostName: []byte("pe1")}
	got, err := AppendHidden(nil, &m, nil, hide)
	if err != nil || !bytes.HasSuffix(got, unhex(t, "8009 0000 0007 706531")) {
		t.Errorf("%x, %v", got, err)
	}
}

// Values of the maximum length (RFC 3931, section 5.1).
func TestAppendLongest(t *testing.T) {
	key := NewHidingKey([]byte(secret))
	m := Message{
		Type:         SCCRQ,
		Has:          AVPs(AVPMessageType, AVPRandomVector, AVPNonce, AVPVendorName),
		RandomVector: make([]byte, 1017),
		Nonce:        make([]byte, 1017),
		VendorName:   make([]byte, 1015),
	}
	b, err := AppendHidden(nil, &m, key, AVPs(AVPVendorName))
	if want := HeaderLen + 8 + 3*1023; err != nil || len(b) != want {
		t.Fatalf("%d octets, %v; want %d", len(b), err, want)
	}
	var got Message
	if err := got.Parse(b, key); err != nil {
		t.Fatal(err)
	}
	got.unhidden = nil
	if !reflect.DeepEqual(got, m) {
		t.Errorf("\n got %+v\nwant %+v", got, m)
	}
}

// Append writes an error code before a text, even if the Result has none, because the wire format
// requires it.
func TestAppendResultText(t *testing.T) {
	m := Message{Type: CDN, Has: AVPs(AVPResultCode), Result: Result{Code: 3, Message: []byte("x")}}
	b, err := Append(nil, &m)
	if err != nil || !bytes.HasSuffix(b, unhex(t, "800b 0000 0001 0003 0000 78")) {
		t.Errorf("%x, %v", b, err)
	}
}

func TestAddDigest(t *testing.T) {
	m := Message{Type: HELLO}
	m.AddDigest(DigestHMACSHA1)
	m.AddDigest(DigestHMACMD5)
	m.AddDigest(DigestHMACMD5)
	if !m.Has.Has(AVPMessageDigest) || m.NumDigests != 2 ||
		m.Digests[0].Type != DigestHMACSHA1 || m.Digests[1].Type != DigestHMACMD5 {
		t.Errorf("%+v", m)
	}
}
