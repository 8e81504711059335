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

// DigestType is the hash algorithm of a Message Digest AVP (RFC 3931, section 5.4.1).
type DigestType uint8

// The digest types of RFC 3931. The RFC calls them 1 and 2 where it gives their lengths; an erratum
// corrects this.
const (
	DigestHMACMD5  DigestType = 0
	DigestHMACSHA1 DigestType = 1
)

// Size returns the length of the digest in octets, or 0 for an unknown type.
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
	// Sum is the digest. If it is nil, Append writes zeros.
	Sum []byte
}

// validLength reports whether the digest is nil or has the length of its type. An unknown type may
// have any length.
func (d *Digest) validLength() bool {
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

// Errors of Key and Keys.
var (
	ErrNoDigest  = errors.New("l2tp: no Message Digest AVP after the Message Type AVP")
	ErrBadDigest = errors.New("l2tp: incorrect message digest: message damaged or forged, or different shared secret")
)

// Key computes message digests with one shared secret (RFC 3931, sections 4.3 and 5.4.1). It is not
// safe for concurrent use.
type Key struct {
	hashes [2]hash.Hash // by DigestType
	sum    [sha1.Size]byte
}

// NewKey derives the key for message digests from the shared secret. With an empty secret a digest
// is only an integrity check and authenticates nothing (RFC 3931, section 4.3).
func NewKey(secret []byte) *Key {
	shared := deriveKey(secret, 2)
	return &Key{hashes: [...]hash.Hash{
		DigestHMACMD5:  hmac.New(md5.New, shared[:]),
		DigestHMACSHA1: hmac.New(sha1.New, shared[:]),
	}}
}

// deriveKey derives the shared key for a purpose: 1 for hiding AVPs, 2 for authentication (RFC
// 3931, sections 5.3 and 5.4.1).
func deriveKey(secret []byte, purpose byte) (key [md5.Size]byte) {
	h := hmac.New(md5.New, secret)
	h.Write([]byte{purpose})
	h.Sum(key[:0])
	return key
}

// Sign fills in each Message Digest AVP of type t in a control message that Append has written. The
// nonces are those of the sender and of the peer, nil while unknown. An SCCRQ is signed without
// nonces; Sign then ignores them. It returns ErrNoDigest if the message has no such AVP.
func (k *Key) Sign(message []byte, t DigestType, local, remote []byte) error {
	fields := findDigests(message)
	err := ErrNoDigest
	for _, f := range fields.found() {
		if f.kind == t && f.validLength() {
			copy(message[f.start:f.end], k.digest(message, &fields, t, local, remote))
			err = nil
		}
	}
	return err
}

// Verify checks the Message Digest AVPs of a received control message. At least one of them must be
// correct. The parameters and errors are those of Keys.Verify.
func (k *Key) Verify(message, sender, receiver []byte) error {
	return Keys{{Key: k}}.Verify(message, sender, receiver)
}

// digest computes the digest of type t over the nonces and the message, with all digests in the
// message set to zero. The result is valid until the next call.
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

// zeros replace the digests of a message while one of them is computed.
var zeros [maxAVPValue]byte

// digestField is the position of one digest in a message.
type digestField struct {
	kind       DigestType
	start, end int
}

// validLength reports whether the type is known and the digest has its length.
func (f digestField) validLength() bool {
	return f.kind.Size() != 0 && f.end-f.start == f.kind.Size()
}

// digestFields are the Message Digest AVPs of a message, at most two.
type digestFields struct {
	fields [2]digestField
	n      int
}

func (d *digestFields) found() []digestField {
	return d.fields[:d.n]
}

// findDigests finds the Message Digest AVPs, which must directly follow the Message Type AVP (RFC
// 3931, section 5.4.1).
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

// rawMessageType returns the value of the Message Type AVP, or ZLB if there is none.
func rawMessageType(message []byte) MessageType {
	a, _, ok := cutAVP(message[HeaderLen:])
	if !ok || !a.is(AVPMessageType) || len(a.value) != 2 {
		return ZLB
	}
	return MessageType(binary.BigEndian.Uint16(a.value))
}
