package control

import (
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// nonceLen is the length of local nonces in octets. RFC 3931, section 5.4.1, recommends at least
// 16.
const nonceLen = 16

// keyring holds the keys that sign and verify the control messages of one peer and decipher their
// hidden AVPs. It is immutable.
type keyring struct {
	hasSecret bool      // false: keys holds the key of the integrity check, which has no secret
	keys      l2tp.Keys // of Config.Secret and, if set, Config.NextSecret
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

// parse decodes a message. If there are two secrets, it tries both on hidden AVPs: a message may be
// signed with both, so that the digests do not show which one hides the AVPs.
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

// auth is control message authentication on one control connection (RFC 3931, section 4.3).
type auth struct {
	*keyring
	local, remote []byte // nonces; remote is nil until received
}

// reserveDigests adds empty digests to a message that is about to be encoded; sign fills them in.
func (a *auth) reserveDigests(m *l2tp.Message) {
	if a.hasSecret {
		a.keys.AddDigests(m)
	}
}

// sign computes the digests of an encoded message. Without a secret it does nothing.
//
// A StopCCN that refuses or withdraws an SCCRQ comes from an end that has not sent its nonce, or
// has not received the peer's. RFC 3931 does not define the digest of such a message. It is signed
// here like the SCCRQ that it refuses or withdraws, without nonces: then a receiver that knows
// neither nonce can verify it, and so can tshark.
func (a *auth) sign(message []byte) {
	if !a.hasSecret {
		return
	}
	local, remote := a.local, a.remote
	if local == nil || remote == nil {
		local, remote = nil, nil
	}
	if err := a.keys.Sign(message, local, remote); err != nil {
		panic("control: cannot sign a message: " + err.Error())
	}
}

// Nonces returns the local and the remote nonce that the digests on the connection are computed
// with. Both are nil without a secret; remote is nil until the peer has sent it.
func (c *Connection) Nonces() (local, remote []byte) { return c.auth.local, c.auth.remote }

// verify reports whether a received message is authentic. An SCCRP carries the nonce that it is
// signed with.
//
// Other implementations may sign a StopCCN that refuses or withdraws an SCCRQ differently. While
// the connection is half open, such a StopCCN is accepted without nonces and with the one nonce
// that its sender can know. A replay of it gains nothing: a refusal is sent to a connection ID that
// is new with each attempt, and a withdrawal can only end an attempt that was itself replayed.
func (a *auth) verify(message []byte, m *l2tp.Message, halfOpen bool) bool {
	if !a.hasSecret {
		// Without a secret a digest is a checksum (section 4.3). A message with a nonce asks for
		// authentication: it passes here, and the caller refuses it with a reason.
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
