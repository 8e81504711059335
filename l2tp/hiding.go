package l2tp

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
)

// HidingKey hides and deciphers AVPs with one shared secret (RFC 3931, section 5.3).
type HidingKey struct {
	shared [md5.Size]byte
}

// NewHidingKey derives the key for hiding AVPs from the shared secret.
func NewHidingKey(secret []byte) *HidingKey {
	return &HidingKey{deriveKey(secret, 1)}
}

// hiddenLenSize is the size, in octets, of the field Length of Original Attribute Value, with which
// a Hidden AVP Subformat begins.
const hiddenLenSize = 2

// hide enciphers the Hidden AVP Subformat b of the AVP t in place.
func (k *HidingKey) hide(b []byte, t AVPType, vector []byte) {
	pad := k.firstPad(t, vector)
	for {
		n := subtle.XORBytes(b, b, pad[:])
		if n == len(b) {
			return
		}
		pad = k.nextPad(b[:n])
		b = b[n:]
	}
}

// unhide deciphers b and appends the result, a Hidden AVP Subformat, to dst.
func (k *HidingKey) unhide(dst, b []byte, t AVPType, vector []byte) []byte {
	pad := k.firstPad(t, vector)
	for {
		start := len(dst)
		dst = append(dst, b[:min(len(b), len(pad))]...)
		n := subtle.XORBytes(dst[start:], dst[start:], pad[:])
		if n == len(b) {
			return dst
		}
		pad = k.nextPad(b[:n])
		b = b[n:]
	}
}

// firstPad is b_1 of RFC 3931, section 5.3.
func (k *HidingKey) firstPad(t AVPType, vector []byte) [md5.Size]byte {
	var buf [2 + md5.Size + maxAVPValue]byte
	b := binary.BigEndian.AppendUint16(buf[:0], uint16(t))
	b = append(b, k.shared[:]...)
	return md5.Sum(append(b, vector...))
}

// nextPad is b_i of RFC 3931, section 5.3, after the 16 octets of ciphertext c.
func (k *HidingKey) nextPad(c []byte) [md5.Size]byte {
	var buf [2 * md5.Size]byte
	return md5.Sum(append(append(buf[:0], k.shared[:]...), c...))
}

// unhide returns the deciphered value of the hidden AVP a, in memory of m. With a wrong secret the
// deciphered length is random, so unhide compares it with the number of octets that follow.
func (m *Message) unhide(a *avp, vector []byte, key *HidingKey) ([]byte, Problem) {
	switch {
	case key == nil:
		return nil, HiddenNoKey
	case vector == nil:
		return nil, HiddenNoVector
	case len(a.value) < hiddenLenSize:
		return nil, HiddenLength
	}
	start := len(m.unhidden)
	m.unhidden = key.unhide(m.unhidden, a.value, a.kind, vector)
	plain := m.unhidden[start:]
	n := int(binary.BigEndian.Uint16(plain))
	if n > len(plain)-hiddenLenSize {
		return nil, HiddenLength
	}
	return plain[hiddenLenSize : hiddenLenSize+n : hiddenLenSize+n], NoProblem
}
