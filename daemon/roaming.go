package daemon

import (
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// A peer may use any UDP source port, for its first message and for an answer (RFC 3931, section
// 4.1.2.2), or a NAT may change the port. The machines therefore receive messages from the peer's
// address and any port. Whether a message is the peer's, they know first: if they answer it, it was
// authentic, and the answer is sent to the port that the message came from.
//
// While no control connection is established, the path moves to that port at once. A replayed
// message does no harm: the peer's next message moves the path back. An established connection
// stays on its path, with its sessions; the answer is sent on a side path. The path moves only when
// the peer has established a new connection from there.

// sidePath leads to another port of the peer, for a control connection that is being established.
type sidePath struct {
	tunnel dataplane.Tunnel // nil: not open
	peer   netip.AddrPort
	id     uint32 // of the connection, as assigned by the peer
}

// moveInterval is the shortest time between two moves of a path.
const moveInterval = time.Second

// handleForeignPort passes a control message to the machines that came from another port than the
// path leads to, and moves the path, or opens a side path, if the machines answer.
func (l *loop) handleForeignPort(now time.Time, message []byte, from netip.AddrPort) {
	before := l.pair.PeerConnectionID()
	if before != 0 && l.peer.Secret == nil {
		l.foreignPort.Add(1) // without authentication, any sender could take the connection over
		return
	}
	l.pair.Receive(now, message, &l.out)
	id, answered := l.answered(before)
	known := l.path.side.tunnel != nil && l.path.side.peer == from
	switch {
	case !answered:
	case known:
		l.path.side.id = id
	case now.Sub(l.path.movedAt) < moveInterval:
	case before == 0:
		l.path.peer, l.path.movedAt, l.path.receivedAt = from, now, now
		l.openPath(now)
	default:
		l.openSidePath(now, from, id)
	}
	if after := l.pair.PeerConnectionID(); after != before && l.path.side.tunnel != nil && after == l.path.side.id {
		l.moveToSidePath(now)
	}
}

// answered reports whether the output holds an answer on another control connection than the
// established one, and on which.
func (l *loop) answered(established uint32) (id uint32, ok bool) {
	for message := range l.out.Datagrams() {
		if id, ok = l2tp.PeekConnectionID(message); ok && id != 0 && id != established {
			return id, true
		}
	}
	return 0, false
}

// openSidePath opens a side path in place of an earlier one.
func (l *loop) openSidePath(now time.Time, to netip.AddrPort, id uint32) {
	l.closeSidePath()
	l.path.movedAt = now
	tunnel, err := l.openTunnel(to)
	if err != nil {
		return // the peer sends its message again
	}
	l.path.side = sidePath{tunnel, to, id}
}

// moveToSidePath makes the side path the path.
func (l *loop) moveToSidePath(now time.Time) {
	next := l.path.side
	l.path.side = sidePath{}
	l.closePath()
	l.path.tunnel, l.path.peer, l.path.receivedAt = next.tunnel, next.peer, now
	l.pathChanged(now)
}

// returnAfter is how long the peer must be silent at another port before our request for a control
// connection goes to the configured port again. If both ends send requests at once, ours must reach
// the peer at the port that it sends from.
const returnAfter = 10 * time.Second

// returnHome moves the path back to the configured port, if the output holds a request for a
// control connection and the peer is silent at the port that the path leads to.
func (l *loop) returnHome(now time.Time) {
	home := l.peer.AddrPort()
	if l.path.peer == home || now.Sub(l.path.receivedAt) < returnAfter {
		return
	}
	for message := range l.out.Datagrams() {
		if id, ok := l2tp.PeekConnectionID(message); ok && id == 0 {
			l.path.peer = home
			l.openPath(now)
			return
		}
	}
}
