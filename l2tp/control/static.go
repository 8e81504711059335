package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// NewStaticSession makes a session without signalling: both ends were configured with its IDs and
// cookies. It is on no connection, and nothing is ever sent or heard of it.
func NewStaticSession(id, peerID uint32, cookie, peerCookie []byte) *Session {
	return &Session{
		State: SessionStatic, ID: id, PeerID: peerID, LocalCookie: cookie, PeerCookie: peerCookie,
		Circuit: l2tp.CircuitActive, PeerCircuit: l2tp.CircuitActive,
	}
}
