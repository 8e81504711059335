package l2tp

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash"
	"strconv"
)

// DigestType is the hash of a Message Digest AVP (RFC 3931, section 5.4.1).
type DigestType uint8

// The digest types of RFC 3931. (Its sentence on lengths calls them 1 and 2, which
// an erratum corrects.)
const (
	DigestHMACMD5  DigestType = 0
	DigestHMACSHA1 DigestType = 1
)

// Size is the length of the digest in octets, 0 for an unknown type.
func (t DigestType) Size() int {
	switch t {
	case DigestHMACMD5:
		return md5.Size
	case DigestHMACSHA1:
		return sha1.Size
	}
	return 0
}

// String returns "HMAC-MD5", "HMAC-SHA-1" or the number.
func (t DigestType) String() string {
	switch t {
	case DigestHMACMD5:
		return "HMAC-MD5"
	case DigestHMACSHA1:
		return "HMAC-SHA-1"
	}
	return "digest type " + strconv.Itoa(int(t))
}

// Digest is the value of a Message Digest AVP (RFC 3931, section 5.4.1).
type Digest struct {
	Type DigestType
	// Sum is the digest. Append writes zeros where it is nil.
	Sum []byte
}

// whole reports whether the digest has the length of its type, or none yet.
func (d *Digest) whole() bool {
	return d.Type.Size() == 0 || d.Sum == nil || len(d.Sum) == d.Type.Size()
}

// append appends the value of the AVP.
func (d *Digest) append(dst []byte) []byte {
	dst = append(dst, byte(d.Type))
	if d.Sum == nil {
		return append(dst, zeros[:d.Type.Size()]...)
	}
	return append(dst, d.Sum...)
}

// Errors of Key.
var (
	ErrNoDigest  = errors.New("l2tp: no Message Digest AVP behind the Message Type AVP")
	ErrBadDigest = errors.New("l2tp: message digest is wrong: damaged, forged, or another shared secret")
)

// Key computes message digests with one shared secret (RFC 3931, sections 4.3 and
// 5.4.1). It is not safe for concurrent use.
type Key struct {
	hashes [2]hash.Hash // by DigestType
	sum    [sha1.Size]byte
}

// NewKey derives the key for message digests from the secret. Without a secret the
// digest guards integrity alone (RFC 3931, section 4.3).
func NewKey(secret []byte) *Key {
	shared := deriveKey(secret, 2)
	return &Key{hashes: [...]hash.Hash{
		DigestHMACMD5:  hmac.New(md5.New, shared[:]),
		DigestHMACSHA1: hmac.New(sha1.New, shared[:]),
	}}
}

// deriveKey derives the shared key for purpose, 1 hiding and 2 authentication
// (RFC 3931, sections 5.3 and 5.4.1).
func deriveKey(secret []byte, purpose byte) (key [md5.Size]byte) {
	h := hmac.New(md5.New, secret)
	h.Write([]byte{purpose})
	h.Sum(key[:0])
	return key
}

// Sign fills in each Message Digest AVP of type t in the control message, which
// is as Append wrote it. The nonces are the sender's own and the peer's, each
// nil as long as it is not known; an SCCRQ is signed without nonces whatever they
// are. ErrNoDigest means that there is no such AVP.
func (k *Key) Sign(message []byte, t DigestType, local, remote []byte) error {
	fields := findDigests(message)
	err := ErrNoDigest
	for _, f := range fields.found() {
		if f.kind == t && f.whole() {
			copy(message[f.start:f.end], k.digest(message, &fields, t, local, remote))
			err = nil
		}
	}
	return err
}

// Verify checks the Message Digest AVPs of a received control message, of which one
// at least must be right. The nonces are those of the message's sender and of its
// receiver, in this order, each nil as long as it is not known; an SCCRQ is checked
// without nonces whatever they are. Octets beyond the header's Length are not part of
// the message. The error is ErrNoDigest, ErrBadDigest or a HeaderError.
func (k *Key) Verify(message, sender, receiver []byte) error {
	return Keys{{Key: k}}.Verify(message, sender, receiver)
}

// digest computes the digest of type t over the nonces and the message, in which the
// digests found count as zeros. The result is good until the next call.
func (k *Key) digest(message []byte, fields *digestFields, t DigestType, sender, receiver []byte) []byte {
	h := k.hashes[t]
	h.Reset()
	if rawMessageType(message) != SCCRQ {
		h.Write(sender)
		h.Write(receiver)
	}
	done := 0
	for _, f := range fields.found() {
		h.Write(message[done:f.start])
		h.Write(zeros[:f.end-f.start])
		done = f.end
	}
	h.Write(message[done:])
	return h.Sum(k.sum[:0])
}

// zeros stand for the digests while one is computed.
var zeros [maxAVPValue]byte

// digestField is the place of one digest in a message.
type digestField struct {
	kind       DigestType
	start, end int
}

// whole reports whether the digest has the length of its type.
func (f digestField) whole() bool {
	return f.kind.Size() != 0 && f.end-f.start == f.kind.Size()
}

// digestFields are the Message Digest AVPs of a message, two at most.
type digestFields struct {
	fields [2]digestField
	n      int
}

func (d *digestFields) found() []digestField {
	return d.fields[:d.n]
}

// findDigests looks for Message Digest AVPs where they must be: directly behind
// the Message Type AVP (RFC 3931, section 5.4.1).
func findDigests(message []byte) (found digestFields) {
	first, rest, ok := cutAVP(message[HeaderLen:])
	if !ok || first.kind != AVPMessageType { // of any vendor
		return found
	}
	for found.n < len(found.fields) {
		a, next, ok := cutAVP(rest)
		if !ok || !a.is(AVPMessageDigest) || a.hidden || len(a.value) == 0 {
			break
		}
		end := len(message) - len(next)
		found.fields[found.n] = digestField{DigestType(a.value[0]), end - len(a.value) + 1, end}
		found.n++
		rest = next
	}
	return found
}

// rawMessageType is the value of the Message Type AVP, ZLB if there is none.
func rawMessageType(message []byte) MessageType {
	a, _, ok := cutAVP(message[HeaderLen:])
	if !ok || !a.is(AVPMessageType) || len(a.value) != 2 {
		return ZLB
	}
	return MessageType(binary.BigEndian.Uint16(a.value))
}
