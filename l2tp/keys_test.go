package l2tp

import (
	"bytes"
	"testing"
)

// nextSecret replaces secret in a change of the shared secret (RFC 3931, section 5.4.1). The
// digests below were computed with Python's hmac module, like those of digestTests: the first with
// secret, the second with nextSecret.
const nextSecret = "battery staple"

// rollovers are messages with two digests, which are zero in the message.
var rollovers = []struct {
	name    string
	message func(t testing.TB) []byte
	types   [2]DigestType
	at      [2]int // offsets of the digests in the message
	want    [2]string
}{
	{
		"another secret and hash",
		func(t testing.TB) []byte { return goldenWire(t, "ACK with two digests") },
		[2]DigestType{DigestHMACSHA1, DigestHMACMD5},
		[2]int{27, 54},
		[2]string{"7eef6618207065270fe2cac4e2e65b639607f9c3", "51c8fa20f277f2f6b0548defc9f6ec8a"},
	},
	{
		"another secret, in the SCCRQ",
		func(t testing.TB) []byte {
			return unhex(t, `c803 0058 00000000 0000 0000 8008 0000 0000 0001
				8017 0000 003b 00 00000000 00000000 00000000 00000000
				8017 0000 003b 00 00000000 00000000 00000000 00000000
				8016 0000 0049 30313233 34353637 38396162 63646566`)
		},
		[2]DigestType{DigestHMACMD5, DigestHMACMD5},
		[2]int{27, 50},
		[2]string{"39765abe7cc557cea0510255574a52ae", "85e8ce9a97d7413f26f62558fdec53fc"},
	},
}

func twoKeys(types [2]DigestType) Keys {
	return Keys{{NewKey([]byte(secret)), types[0]}, {NewKey([]byte(nextSecret)), types[1]}}
}

func TestKeysSignWithEachSecret(t *testing.T) {
	for _, test := range rollovers {
		t.Run(test.name, func(t *testing.T) {
			keys, message := twoKeys(test.types), test.message(t)
			want := bytes.Clone(message)
			for i, at := range test.at {
				copy(want[at:], unhex(t, test.want[i]))
			}
			for range 2 { // signing again, as for a retransmission, gives the same digests
				if err := keys.Sign(message, nonce1, nonce2); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(message, want) {
					t.Fatalf("\n got %x\nwant %x", message, want)
				}
			}
		})
	}
}

// A receiver with one of the sender's two secrets, or with both in either order, accepts a message.
// So does a receiver with two secrets if the sender has one of them.
func TestKeysVerifyDuringRollover(t *testing.T) {
	oldKey, newKey, other := NewKey([]byte(secret)), NewKey([]byte(nextSecret)), NewKey([]byte("another"))
	senders := map[string]Keys{
		"old":  {{oldKey, DigestHMACSHA1}},
		"both": {{oldKey, DigestHMACSHA1}, {newKey, DigestHMACSHA1}},
		"new":  {{newKey, DigestHMACMD5}},
	}
	receivers := []struct {
		name    string
		keys    Keys
		accepts map[string]bool // by sender
	}{
		{"old", Keys{{oldKey, DigestHMACMD5}}, map[string]bool{"old": true, "both": true}},
		{"both", Keys{{oldKey, DigestHMACMD5}, {newKey, DigestHMACMD5}}, map[string]bool{"old": true, "both": true, "new": true}},
		{"new first", Keys{{newKey, DigestHMACMD5}, {oldKey, DigestHMACMD5}}, map[string]bool{"old": true, "both": true, "new": true}},
		{"two hashes", Keys{{newKey, DigestHMACMD5}, {newKey, DigestHMACSHA1}}, map[string]bool{"both": true, "new": true}},
		{"new", Keys{{newKey, DigestHMACSHA1}}, map[string]bool{"both": true, "new": true}},
		{"another", Keys{{other, DigestHMACSHA1}}, nil},
		{"none", nil, nil},
	}
	for sender, keys := range senders {
		m := Message{Header: Header{ConnectionID: 1, Ns: 2, Nr: 3}, Type: HELLO}
		keys.AddDigests(&m)
		wire, err := Append(nil, &m)
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Sign(wire, nonce1, nonce2); err != nil {
			t.Fatal(err)
		}
		for _, r := range receivers {
			want := ErrBadDigest
			if r.accepts[sender] {
				want = nil
			}
			if err := r.keys.Verify(append(wire, 0xff), nonce1, nonce2); err != want {
				t.Errorf("sender has %s, receiver %s: %v, want %v", sender, r.name, err, want)
			}
			if err := r.keys.Verify(wire, nonce2, nonce1); err == nil {
				t.Errorf("sender has %s, receiver %s: Verify accepts the message with the nonces reversed", sender, r.name)
			}
		}
	}
}

// Each key matches its own digest of a message, and no other.
func TestKeyMatches(t *testing.T) {
	for _, test := range rollovers {
		keys, message := twoKeys(test.types), test.message(t)
		if err := keys.Sign(message, nonce1, nonce2); err != nil {
			t.Fatal(err)
		}
		for i := range keys {
			for j := range 3 {
				if got := keys[i].Key.Matches(message, j, nonce1, nonce2); got != (i == j) {
					t.Errorf("%s: key %d matches digest %d: %t", test.name, i, j, got)
				}
			}
			if keys[i].Key.Matches(message[:20], i, nonce1, nonce2) {
				t.Errorf("%s: key %d matches a truncated message", test.name, i)
			}
		}
	}
}

// Sign does not change a message whose Message Digest AVPs are not those of AddDigests.
func TestKeysSignRefusesOtherDigests(t *testing.T) {
	md5, sha := Signer{NewKey([]byte(secret)), DigestHMACMD5}, Signer{NewKey([]byte(secret)), DigestHMACSHA1}
	for _, test := range []struct {
		name string
		keys Keys
		wire string
		want error
	}{
		{"none and no digest", nil, "HELLO", nil},
		{"none and a digest", nil, "ICRP", ErrNoDigest},
		{"one and no digest", Keys{sha}, "HELLO", ErrNoDigest},
		{"one and a ZLB", Keys{sha}, "ZLB", ErrNoDigest},
		{"one and a digest of another hash", Keys{md5}, "ICRP", ErrNoDigest},
		{"one and two digests", Keys{sha}, "ACK with two digests", ErrNoDigest},
		{"two in the wrong order", Keys{md5, sha}, "ACK with two digests", ErrNoDigest},
		{"three: the first two sign", Keys{sha, md5, sha}, "ACK with two digests", nil},
	} {
		message := goldenWire(t, test.wire)
		before := bytes.Clone(message)
		if err := test.keys.Sign(message, nil, nil); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if test.want != nil && !bytes.Equal(message, before) {
			t.Errorf("%s: Sign has changed the message", test.name)
		}
	}
}

func TestKeysAddDigests(t *testing.T) {
	var m Message
	Keys{{nil, DigestHMACSHA1}, {nil, DigestHMACMD5}, {nil, DigestHMACMD5}}.AddDigests(&m)
	if m.NumDigests != 2 || m.Digests[0].Type != DigestHMACSHA1 || m.Digests[1].Type != DigestHMACMD5 {
		t.Errorf("%d digests: %+v", m.NumDigests, m.Digests)
	}
}
