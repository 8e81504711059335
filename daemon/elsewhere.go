package daemon

import (
	"net/netip"
	"time"

	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/l2tp"
)

// A peer may call from any UDP port, and answer a call from any (RFC 3931 section 4.1.2.2); or a
// NAT makes it appear so. What comes from its address and another port than the path leads to is
// handed to control all the same. The answer goes where the message came from, and that there is
// one says that control takes the message for the peer's.
//
// While no control connection is established, the path moves there at once: nothing is lost if that
// was a replay, as the peer's next message moves it back. An established connection stays where it
// is, with its sessions, and the answer goes aside, until the peer has made a new connection there:
// only then does the path follow.

// aside is the way to another port of the peer, for a control connection that is being made.
type aside struct {
	tunnel dataplane.Tunnel // nil: there is none
	peer   netip.AddrPort
	id     uint32 // of the connection, as the peer has assigned it
}

// moveEvery bounds how often a path is opened to where a message came from.
const moveEvery = time.Second

// receiveFrom takes a control message that came from a port of the peer's address.
func (l *loop) receiveFrom(now time.Time, message []byte, from netip.AddrPort) {
	l.tapReceived(now, message, from)
	if from == l.path.peer {
		l.path.heardAt = now
		l.pair.Receive(now, message, &l.out)
		return
	}
	before := l.pair.PeerConnectionID()
	if before != 0 && l.peer.Secret == nil {
		l.foreignPort.Add(1) // whoever can send it could take the connection over
		return
	}
	l.pair.Receive(now, message, &l.out)
	id, answered := l.answered(before)
	known := l.path.aside.tunnel != nil && l.path.aside.peer == from
	switch {
	case !answered:
	case known:
		l.path.aside.id = id
	case now.Sub(l.path.movedAt) < moveEvery:
	case before == 0:
		l.path.peer, l.path.movedAt, l.path.heardAt = from, now, now
		l.openPath(now)
	default:
		l.goAside(now, from, id)
	}
	if after := l.pair.PeerConnectionID(); after != before && l.path.aside.tunnel != nil && after == l.path.aside.id {
		l.followAside(now)
	}
}

// answered reports whether the machines have answered, on another control connection than the
// established one, and on which.
func (l *loop) answered(established uint32) (id uint32, ok bool) {
	for message := range l.out.Datagrams() {
		if id, ok = l2tp.PeekConnectionID(message); ok && id != 0 && id != established {
			return id, true
		}
	}
	return 0, false
}

// goAside opens the way to another port of the peer, beside the path.
func (l *loop) goAside(now time.Time, to netip.AddrPort, id uint32) {
	l.closeAside()
	l.path.movedAt = now
	tunnel, err := l.openTunnel(to)
	if err != nil {
		return // the peer goes on to call
	}
	l.path.aside = aside{tunnel, to, id}
}

// followAside makes the way aside the path.
func (l *loop) followAside(now time.Time) {
	next := l.path.aside
	l.path.aside = aside{}
	l.closePath()
	l.path.tunnel, l.path.peer, l.path.heardAt = next.tunnel, next.peer, now
	l.pathChanged(now)
}

// homeAfter is the silence at another port after which the peer is called at the configured one.
// Both may be calling at once, and then our call is to reach the peer where it speaks from.
const homeAfter = 10 * time.Second

// goHome has the path lead to the configured port again, if a call of ours is to go out and the
// peer has gone from where the path leads.
func (l *loop) goHome(now time.Time) {
	home := l.peer.AddrPort()
	if l.path.peer == home || now.Sub(l.path.heardAt) < homeAfter {
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
