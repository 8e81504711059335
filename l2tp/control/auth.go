package control

import (
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// nonceLen is the length of our nonces in octets (RFC 3931 section 5.4.1 recommends 16 at least).
const nonceLen = 16

// keyring is what the control messages of one peer are signed, verified and deciphered with. It
// does not change.
type keyring struct {
	hasSecret bool      // there is a secret; without one the key is that of the integrity check
	keys      l2tp.Keys // of the secret, and of the next one
	hiding    []*l2tp.HidingKey
}

func newKeyring(cfg *Config) *keyring {
	k := &keyring{hasSecret: cfg.Secret != nil}
	k.keys = append(k.keys, l2tp.Signer{Key: l2tp.NewKey(cfg.Secret), Type: cfg.Digest})
	if !k.hasSecret {
		return k
	}
	k.hiding = append(k.hiding, l2tp.NewHidingKey(cfg.Secret))
	if cfg.NextSecret != nil {
		k.keys = append(k.keys, l2tp.Signer{Key: l2tp.NewKey(cfg.NextSecret), Type: cfg.Digest})
		k.hiding = append(k.hiding, l2tp.NewHidingKey(cfg.NextSecret))
	}
	return k
}

// parse reads a message. With which of two secrets its hidden AVPs are hidden only their
// deciphering tells, since a message may be signed with both.
func (k *keyring) parse(m *l2tp.Message, datagram []byte) error {
	if len(k.hiding) == 0 {
		return m.Parse(datagram, nil)
	}
	problem := m.Parse(datagram, k.hiding[0])
	if problem != nil && len(k.hiding) > 1 {
		if m.Parse(datagram, k.hiding[1]) == nil {
			return nil
		}
		problem = m.Parse(datagram, k.hiding[0])
	}
	return problem
}

// auth is control message authentication on one control connection (RFC 3931 section 4.3).
type auth struct {
	*keyring
	local, remote []byte // nonces; remote is nil until the peer has told its own
}

// reserveDigests makes room for the digests in a message that is about to be encoded.
func (a *auth) reserveDigests(m *l2tp.Message) {
	if a.hasSecret {
		a.keys.AddDigests(m)
	}
}

// sign computes the digests of a message that is complete but for them. There is nothing to sign
// without a secret.
//
// A StopCCN that refuses an SCCRQ, or takes one back, comes from a side that has not told its
// nonce, or has not heard the other's. RFC 3931 does not say how these are signed. We sign them as
// the SCCRQ that they answer or take back, without nonces: so they are verified by one that has
// heard neither, and by tshark.
func (a *auth) sign(message []byte) {
	if !a.hasSecret {
		return
	}
	local, remote := a.local, a.remote
	if local == nil || remote == nil {
		local, remote = nil, nil
	}
	if err := a.keys.Sign(message, local, remote); err != nil {
		panic("control: a message of ours without digest: " + err.Error())
	}
}

// Nonces are ours and the peer's, which digests on the connection are made with; nil where there is
// no secret, and the peer's until it has told it.
func (c *Connection) Nonces() (local, remote []byte) { return c.auth.local, c.auth.remote }

// verify reports whether a received message is the peer's own. An SCCRP brings the nonce that it is
// signed with.
//
// A StopCCN that refuses an SCCRQ, or takes one back, may be signed otherwise than ours: as long as
// the connection is half open it is accepted without nonces and with the one that its sender can
// know. Neither is worth a replay: a refusal goes to a connection ID that is new with each attempt,
// the other can end nothing but an attempt replayed, too.
func (a *auth) verify(message []byte, m *l2tp.Message, halfOpen bool) bool {
	if !a.hasSecret {
		// A digest is a checksum then (section 4.3). With a nonce it is more, which is told the
		// peer by refusing it.
		return m.NumDigests == 0 || m.Has.Has(l2tp.AVPNonce) || a.keys.Verify(message, nil, nil) == nil
	}
	remote := a.remote
	if m.Type == l2tp.SCCRP && remote == nil {
		remote = m.Nonce
	}
	if a.keys.Verify(message, remote, a.local) == nil {
		return true
	}
	return m.Type == l2tp.StopCCN && halfOpen &&
		(a.keys.Verify(message, a.remote, nil) == nil || a.keys.Verify(message, nil, nil) == nil)
}
