package l2tp

import "crypto/hmac"

// Signer is a key with the type of the digests that it computes for sent messages.
type Signer struct {
	Key  *Key
	Type DigestType
}

// Keys sign and verify the control messages exchanged with one peer. They are usually one Signer,
// and two while the peers change their shared secret or hash algorithm (RFC 3931, section 5.4.1). A
// message has room for two digests: with more than two Signers, the first two sign and all verify.
// Empty Keys sign nothing. Keys are not safe for concurrent use.
//
// Two PEs change their secret without losing a message as follows. First each PE, at any time, adds
// the new secret beside the old one. A PE with both secrets sends two digests in each message, so
// that a peer with either secret accepts it. When both PEs have both secrets, each PE removes the
// old one, again at any time.
type Keys []Signer

// AddDigests adds to m one Message Digest AVP for each Signer, up to two. Sign fills in the digests
// after Append has written m.
func (k Keys) AddDigests(m *Message) {
	for _, s := range k {
		m.AddDigest(s.Type)
	}
}

// Sign fills in the Message Digest AVPs of a control message that AddDigests has prepared and
// Append has written, each with the digest of its own Signer. Each digest is computed with all
// digests in the message set to zero. The nonces are those of the sender and of the peer, nil while
// unknown. An SCCRQ is signed without nonces; Sign then ignores them.
//
// Sign returns ErrNoDigest, and does not change the message, if its Message Digest AVPs are not the
// ones that AddDigests adds.
func (k Keys) Sign(message []byte, local, remote []byte) error {
	fields := findDigests(message)
	signers := k[:min(len(k), len(fields.fields))]
	if fields.n != len(signers) {
		return ErrNoDigest
	}
	for i, f := range fields.found() {
		if f.kind != signers[i].Type || !f.validLength() {
			return ErrNoDigest
		}
	}
	for i, f := range fields.found() {
		copy(message[f.start:f.end], signers[i].Key.digest(message, &fields, f.kind, local, remote))
	}
	return nil
}

// Verify checks the Message Digest AVPs of a received control message. The message is authentic if
// one digest is correct for one of the keys, of whatever digest type the key signs with (RFC 3931,
// section 5.4.1). The nonces are those of the sender and of the receiver of the message, in this
// order, nil while unknown. An SCCRQ is verified without nonces; Verify then ignores them.
//
// Verify ignores octets beyond the Length in the header. It takes the same time for every incorrect
// digest, so that its duration does not reveal which octets of the digest are correct. The error is
// ErrNoDigest, ErrBadDigest or a HeaderError.
func (k Keys) Verify(message, sender, receiver []byte) error {
	message, err := trimMessage(message)
	if err != nil {
		return err
	}
	fields := findDigests(message)
	if fields.n == 0 {
		return ErrNoDigest
	}
	for i, s := range k {
		if i > 0 && s.Key == k[i-1].Key {
			continue // the same key signs with two hash algorithms
		}
		for _, f := range fields.found() {
			if s.Key.matches(message, &fields, f, sender, receiver) {
				return nil
			}
		}
	}
	return ErrBadDigest
}

// Matches reports whether Message Digest AVP i of a received control message, 0 or 1, is correct
// for the key. The other parameters are those of Keys.Verify.
func (k *Key) Matches(message []byte, i int, sender, receiver []byte) bool {
	message, err := trimMessage(message)
	if err != nil {
		return false
	}
	fields := findDigests(message)
	return i < fields.n && k.matches(message, &fields, fields.fields[i], sender, receiver)
}

func (k *Key) matches(message []byte, fields *digestFields, f digestField, sender, receiver []byte) bool {
	return f.validLength() && hmac.Equal(k.digest(message, fields, f.kind, sender, receiver), message[f.start:f.end])
}

// trimMessage returns the control message b without octets beyond the Length in its header.
func trimMessage(b []byte) ([]byte, error) {
	_, avps, err := ParseHeader(b)
	if err != nil && err != ErrVersion2 {
		return nil, err
	}
	return b[:HeaderLen+len(avps)], nil
}
