package control

import (
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// nonceLen is the length of our nonces in octets (RFC 3931 section 5.4.1 recommends 16 at least).
const nonceLen = 16

// auth is control message authentication on one control connection (RFC 3931 section 4.3).
type auth struct {
	key           *l2tp.Key // nil: off
	digest        l2tp.DigestType
	local, remote []byte // nonces; remote is nil until the peer has told its own
}

// sign computes the digest of a message that is complete but for it. There is nothing to sign without a key.
func (a *auth) sign(message []byte) {
	if a.key == nil {
		return
	}
	if err := a.key.Sign(message, a.digest, a.local, a.remote); err != nil {
		panic("control: a message of ours without digest: " + err.Error())
	}
}

// verify reports whether a received message is the peer's own. An SCCRP brings the nonce that it is signed with.
//
// A StopCCN that refuses our SCCRQ comes from a peer that has not told us its nonce; RFC 3931 does not say how that one is
// signed. We sign with the nonce that we have heard alone, and accept that and the SCCRQ's way, without nonces. Neither can
// be replayed: the connection ID in the header is new with each attempt.
func (a *auth) verify(message []byte, m *l2tp.Message) bool {
	if a.key == nil {
		return true
	}
	remote := a.remote
	if m.Type == l2tp.SCCRP && remote == nil {
		remote = m.Nonce
	}
	if a.key.Verify(message, remote, a.local) == nil {
		return true
	}
	return m.Type == l2tp.StopCCN && remote == nil && a.key.Verify(message, nil, nil) == nil
}
