package control

import (
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// nonceLen is the length of our nonces in octets (RFC 3931 section 5.4.1 recommends 16 at least).
const nonceLen = 16

// auth is control message authentication on one control connection (RFC 3931 section 4.3).
type auth struct {
	key           *l2tp.Key
	secured       bool // there is a secret; without one the key is that of the integrity check
	digest        l2tp.DigestType
	local, remote []byte // nonces; remote is nil until the peer has told its own
}

// sign computes the digest of a message that is complete but for it. There is nothing to sign without a secret.
//
// A StopCCN that refuses an SCCRQ, or takes one back, comes from a side that has not told its nonce, or has not heard the
// other's. RFC 3931 does not say how these are signed. We sign them as the SCCRQ that they answer or take back, without
// nonces: so they are verified by one that has heard neither, and by tshark.
func (a *auth) sign(message []byte) {
	if !a.secured {
		return
	}
	local, remote := a.local, a.remote
	if local == nil || remote == nil {
		local, remote = nil, nil
	}
	if err := a.key.Sign(message, a.digest, local, remote); err != nil {
		panic("control: a message of ours without digest: " + err.Error())
	}
}

// verify reports whether a received message is the peer's own. An SCCRP brings the nonce that it is signed with.
//
// A StopCCN that refuses an SCCRQ, or takes one back, may be signed otherwise than ours: as long as the connection is half
// open it is accepted without nonces and with the one that its sender can know. Neither is worth a replay: a refusal goes
// to a connection ID that is new with each attempt, the other can end nothing but an attempt replayed, too.
func (a *auth) verify(message []byte, m *l2tp.Message, halfOpen bool) bool {
	if !a.secured {
		// A digest is a checksum then (section 4.3). With a nonce it is more, which is told the peer by refusing it.
		return m.NumDigests == 0 || m.Has.Has(l2tp.AVPNonce) || a.key.Verify(message, nil, nil) == nil
	}
	remote := a.remote
	if m.Type == l2tp.SCCRP && remote == nil {
		remote = m.Nonce
	}
	if a.key.Verify(message, remote, a.local) == nil {
		return true
	}
	return m.Type == l2tp.StopCCN && halfOpen &&
		(a.key.Verify(message, a.remote, nil) == nil || a.key.Verify(message, nil, nil) == nil)
}
