package l2tp

import "crypto/hmac"

// Signer is a key with the type of the digests that it makes.
type Signer struct {
	Key  *Key
	Type DigestType
}

// Keys are all that the control messages of one peer are signed and verified with: one Signer, or
// two while the peers change over to another shared secret or to another hash (RFC 3931, section
// 5.4.1). Of more than two, which a message has no room for, the first two sign and all verify. No
// Keys sign nothing. They are not safe for concurrent use.
//
// Two PEs change over without a message lost in three steps, each taken on one side and then on the
// other, at any time: both add the new secret beside the old one; what either sends carries a
// digest of each, so that the side that knows one of them is content. Then both take the old one
// away.
type Keys []Signer

// Describe gives m the Message Digest AVPs that Sign fills in once m is written, one for each
// Signer.
func (k Keys) Describe(m *Message) {
	for _, s := range k {
		m.AddDigest(s.Type)
	}
}

// Sign fills in the Message Digest AVPs of the control message, each with the digest of its own
// Signer: the message is as Append wrote it after Describe. Both digests count as zeros for either.
// The nonces are the sender's own and the peer's, each nil as long as it is not known; an SCCRQ is
// signed without nonces whatever they are. ErrNoDigest means that the message was not described by
// these Keys; it is as it was then.
func (k Keys) Sign(message []byte, local, remote []byte) error {
	fields := findDigests(message)
	signers := k[:min(len(k), len(fields.fields))]
	if fields.n != len(signers) {
		return ErrNoDigest
	}
	for i, f := range fields.found() {
		if f.kind != signers[i].Type || !f.whole() {
			return ErrNoDigest
		}
	}
	for i, f := range fields.found() {
		copy(message[f.start:f.end], signers[i].Key.digest(message, &fields, f.kind, local, remote))
	}
	return nil
}

// Verify checks the Message Digest AVPs of a received control message: it is authentic if one of
// them is right for one of the keys, whatever types of digest they sign with (RFC 3931, section
// 5.4.1). The nonces are those of the message's sender and of its receiver, in this order, each nil
// as long as it is not known; an SCCRQ is checked without nonces whatever they are. Octets beyond
// the header's Length are not part of the message. How long it takes does not tell how much of a
// wrong digest was right. The error is ErrNoDigest, ErrBadDigest or a HeaderError.
func (k Keys) Verify(message, sender, receiver []byte) error {
	message, err := wholeMessage(message)
	if err != nil {
		return err
	}
	fields := findDigests(message)
	if fields.n == 0 {
		return ErrNoDigest
	}
	for i, s := range k {
		if i > 0 && s.Key == k[i-1].Key {
			continue // it signs with two hashes
		}
		for _, f := range fields.found() {
			if s.Key.fits(message, &fields, f, sender, receiver) {
				return nil
			}
		}
	}
	return ErrBadDigest
}

// Fits reports whether Message Digest AVP i of a received control message, 0 or 1, is right for the
// key. Nonces and message are as those of Keys.Verify.
func (k *Key) Fits(message []byte, i int, sender, receiver []byte) bool {
	message, err := wholeMessage(message)
	if err != nil {
		return false
	}
	fields := findDigests(message)
	return i < fields.n && k.fits(message, &fields, fields.fields[i], sender, receiver)
}

func (k *Key) fits(message []byte, fields *digestFields, f digestField, sender, receiver []byte) bool {
	return f.whole() && hmac.Equal(k.digest(message, fields, f.kind, sender, receiver), message[f.start:f.end])
}

// wholeMessage is the control message without octets beyond its header's Length.
func wholeMessage(b []byte) ([]byte, error) {
	_, avps, err := ParseHeader(b)
	if err != nil && err != ErrVersion2 {
		return nil, err
	}
	return b[:HeaderLen+len(avps)], nil
}
