package l2tp

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// The digests below were computed with Python's hmac module from the octets in goldens, as
// HMAC(HMAC-MD5(secret, 2), sender's nonce + receiver's nonce + message with all digests zero) (RFC
// 3931, section 5.4.1).
const secret = "correct horse"

var (
	nonce1 = []byte("0123456789abcdef")
	nonce2 = []byte("ABCDEFGH")
)

// goldenWire returns the octets of the golden message with this name.
func goldenWire(t testing.TB, name string) []byte {
	t.Helper()
	for _, g := range goldens {
		if g.name == name {
			return unhex(t, g.wire)
		}
	}
	t.Fatal("no golden message " + name)
	return nil
}

var digestTests = []struct {
	name             string // in goldens
	secret           string
	sender, receiver []byte
	kind             DigestType
	at               int // offset of the digest in the message
	want             string
}{
	{"SCCRQ with all AVPs", secret, nil, nil, DigestHMACMD5, 27, "60e22c71196c1bb9d026fb03862ce5d8"},
	// Nonces are ignored in an SCCRQ.
	{"SCCRQ with all AVPs", secret, nonce1, nonce2, DigestHMACMD5, 27, "60e22c71196c1bb9d026fb03862ce5d8"},
	{"ICRP", secret, nonce2, nonce1, DigestHMACSHA1, 27, "81b72d5d8157a3a2fdc0ca076fe8c200fc1a5830"},
	// Each digest is computed with both digests set to zero.
	{"ACK with two digests", secret, nonce1, nonce2, DigestHMACSHA1, 27, "7eef6618207065270fe2cac4e2e65b639607f9c3"},
	{"ACK with two digests", secret, nonce1, nonce2, DigestHMACMD5, 54, "d3b7a122b9c0037dec262ad434d6adc0"},
	// The integrity check of section 4.3.
	{"ICRP", "", nil, nil, DigestHMACSHA1, 27, "294c9404cdf539911e11af016b48fead0d5bcc9a"},
}

func TestSign(t *testing.T) {
	for _, test := range digestTests {
		key := NewKey([]byte(test.secret))
		message := goldenWire(t, test.name)
		want := bytes.Clone(message)
		digest, _ := hex.DecodeString(test.want)
		copy(want[test.at:], digest)
		for range 2 { // signing again gives the same digest
			if err := key.Sign(message, test.kind, test.sender, test.receiver); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			if !bytes.Equal(message, want) {
				t.Errorf("%s, %v:\n got %x\nwant %x", test.name, test.kind, message, want)
			}
		}
		if err := key.Sign(message, 7, nil, nil); err != ErrNoDigest {
			t.Errorf("%s: Sign for a digest type that the message does not have: %v, want %v", test.name, err, ErrNoDigest)
		}
	}
}

func TestVerify(t *testing.T) {
	for _, test := range digestTests {
		key := NewKey([]byte(test.secret))
		message := goldenWire(t, test.name)
		digest, _ := hex.DecodeString(test.want)
		copy(message[test.at:], digest)
		before := bytes.Clone(message)
		if err := key.Verify(message, test.sender, test.receiver); err != nil {
			t.Errorf("%s, %v: %v", test.name, test.kind, err)
		}
		if !bytes.Equal(message, before) {
			t.Errorf("%s: Verify changed the message", test.name)
		}
		if err := key.Verify(append(message, 0xff), test.sender, test.receiver); err != nil {
			t.Errorf("%s with an octet after its end: %v", test.name, err)
		}
		if err := NewKey([]byte("another")).Verify(message, test.sender, test.receiver); err != ErrBadDigest {
			t.Errorf("%s with another secret: %v", test.name, err)
		}
		if test.sender == nil || strings.HasPrefix(test.name, "SCCRQ") {
			continue
		}
		if err := key.Verify(message, test.receiver, test.sender); err != ErrBadDigest {
			t.Errorf("%s with the nonces reversed: %v", test.name, err)
		}
	}
}

// Verify notices a change of any bit of a message.
func TestVerifyEveryBit(t *testing.T) {
	key := NewKey([]byte(secret))
	message := goldenWire(t, "ICRP")
	if err := key.Sign(message, DigestHMACSHA1, nonce2, nonce1); err != nil {
		t.Fatal(err)
	}
	for i := range message {
		for bit := range 8 {
			message[i] ^= 1 << bit
			if err := key.Verify(message, nonce2, nonce1); err == nil {
				t.Errorf("octet %d, bit %d changed: Verify accepts the message", i, bit)
			}
			message[i] ^= 1 << bit
		}
	}
}

// Either of two digests is sufficient if it is correct (RFC 3931, section 5.4.1).
func TestVerifyEitherDigest(t *testing.T) {
	oldKey, newKey := NewKey([]byte("old")), NewKey([]byte("new"))
	message := goldenWire(t, "ACK with two digests")
	if err := oldKey.Sign(message, DigestHMACSHA1, nonce1, nonce2); err != nil {
		t.Fatal(err)
	}
	if err := newKey.Sign(message, DigestHMACMD5, nonce1, nonce2); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*Key{"old": oldKey, "new": newKey} {
		if err := key.Verify(message, nonce1, nonce2); err != nil {
			t.Errorf("%s secret: %v", name, err)
		}
	}
}

func TestVerifyErrors(t *testing.T) {
	const zeros16 = "00000000000000000000000000000000"
	tests := []struct {
		name    string
		message []byte
		want    error
	}{
		{"ZLB", goldenWire(t, "ZLB"), ErrNoDigest},
		{"none", goldenWire(t, "HELLO"), ErrNoDigest},
		{"not directly after the Message Type", message(t, icrq+"000a 0000 000f 00000001 8017 0000 003b 00"+zeros16), ErrNoDigest},
		{"before the Message Type", message(t, "8017 0000 003b 00"+zeros16+hello), ErrNoDigest},
		{"empty", message(t, hello+"8006 0000 003b"), ErrNoDigest},
		{"hidden", message(t, hello+"c017 0000 003b 00"+zeros16), ErrNoDigest},
		{"a vendor's", message(t, hello+"8017 0009 003b 00"+zeros16), ErrNoDigest},
		{"digest of 0 octets", message(t, hello+"8007 0000 003b 00"), ErrBadDigest},
		{"SHA-1 truncated to 16 octets", message(t, hello+"8017 0000 003b 01"+zeros16), ErrBadDigest},
		{"unknown type", message(t, hello+"8007 0000 003b 09"), ErrBadDigest},
		{"zero digest", message(t, hello+"8017 0000 003b 00"+zeros16), ErrBadDigest},
		{"no message", nil, ErrTruncated},
		{"data", unhex(t, "0003 0000 00000001 00000000"), ErrNotControl},
	}
	for _, test := range tests {
		if err := NewKey(nil).Verify(test.message, nil, nil); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	for _, name := range []string{"SCCRQ with all AVPs", "ICRP"} {
		whole := goldenWire(t, name)
		for n := range whole {
			if err := NewKey(nil).Verify(whole[:n], nil, nil); err == nil {
				t.Errorf("%s, first %d octets: no error", name, n)
			}
		}
	}
}

// The digest of a vendor-specific message is verified like that of any other.
func TestVerifyVendorMessage(t *testing.T) {
	key := NewKey([]byte(secret))
	b := message(t, "0008 0009 0000 0001"+"8017 0000 003b 00"+"00000000000000000000000000000000")
	if err := key.Sign(b, DigestHMACMD5, nonce1, nonce2); err != nil {
		t.Fatal(err)
	}
	if err := key.Verify(b, nonce1, nonce2); err != nil {
		t.Error(err)
	}
}
