package control

import "github.com/l2tpvl/l2tpvl/l2tp"

// NewStaticSession returns a session without signalling, with IDs and cookies that are configured
// at both ends. It belongs to no connection: no control message is sent or received for it.
func NewStaticSession(id, peerID uint32, cookie, peerCookie []byte) *Session {
	return &Session{
		State: SessionStatic, ID: id, PeerID: peerID, LocalCookie: cookie, PeerCookie: peerCookie,
		Circuit: l2tp.CircuitActive, PeerCircuit: l2tp.CircuitActive,
	}
}
