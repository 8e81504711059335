package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// protection is the IPsec protection of a loop's flow. No socket is opened before it is in place.
// From then on the guard ensures that the flow passes as ESP or not at all.
type protection struct {
	peer    ipsec.Peer
	inPlace bool // the guard has installed it
	pending bool // Protect was called and has not returned yet

	// What determines the overhead of ESP: the algorithms that may be in use, and whether ESP is in
	// UDP because of a NAT.
	algorithms   []string
	encapsulated bool

	querying singleflight.Group // calls of the guard's Status
	last     atomic.Pointer[ipsec.Status]
}

// status returns the guard's status of the protection, or the last known one if the guard does not
// answer within viewTimeout: it queries the kernel and the key manager.
func (p *protection) status(ctx context.Context, guard ipsec.Guard) *ipsec.Status {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	answer := p.querying.DoChan("", func() (any, error) {
		s := guard.Status(p.peer.Name)
		p.last.Store(&s)
		return &s, nil
	})
	select {
	case s := <-answer:
		return s.Val.(*ipsec.Status)
	case <-ctx.Done():
	}
	if last := p.last.Load(); last != nil {
		return last
	}
	return &ipsec.Status{KeyManagerError: fmt.Sprintf("no answer within %v", viewTimeout)}
}

// notProtectedError is why the guard has not installed the protection, and so no socket is open.
type notProtectedError struct{ error }

func (e *notProtectedError) Unwrap() error { return e.error }

var errNotProtected = &notProtectedError{errors.New("protection not in place yet")}

// protect makes the guard install the protection. The path is opened when it is in place.
func (l *loop) protect() {
	p := l.protection
	if p.pending {
		return
	}
	p.pending = true
	l.path.retryAt = time.Time{}
	l.closing.Add(1)
	l.daemon.executor.run(func() {
		err := l.daemon.guard.Protect(p.peer)
		l.closing.Done()
		l.post(func(now time.Time) { l.protected(now, err) })
	})
}

// protected handles the result of the guard's Protect.
func (l *loop) protected(now time.Time, err error) {
	l.protection.pending = false
	if err != nil {
		l.pathFailed(now, &notProtectedError{err})
		return
	}
	l.protection.inPlace = true
	l.publish(api.Event{Kind: api.EventProtected, Message: "protection in place"})
	l.daemon.oneProtected()
	l.openPath(now)
	if l.path.tunnel != nil {
		l.pair.RetryNow(now, &l.out)
	}
}

// oneProtected counts a loop that no longer waits for its protection. After the last one it tidies
// the guard.
func (d *Daemon) oneProtected() {
	if d.notProtected.Add(-1) == 0 {
		d.tidyGuard()
	}
}

// tidyGuard makes the guard remove what an earlier run left for peers that are no longer to be
// protected. It is called at the start, because a protection may never be installed, and again when
// all protections are in place.
func (d *Daemon) tidyGuard() {
	var names []string
	for _, l := range d.loops() {
		if l.protection != nil {
			names = append(names, l.name.peer)
		}
	}
	d.executor.run(func() {
		if err := d.guard.Tidy(names); err != nil {
			d.log.Warn("could not remove IPsec state left by an earlier run", zap.String("reason", err.Error()))
		}
	})
}

// unprotect removes the protection. All sockets of the flow must be closed.
func (l *loop) unprotect() {
	if l.protection == nil {
		return
	}
	if err := l.daemon.guard.Release(l.name.peer); err != nil {
		l.log.Warn("IPsec not removed cleanly", zap.String("reason", err.Error()))
	}
	if !l.protection.inPlace {
		l.daemon.oneProtected()
	}
}

// reconnect requests new security associations with the peer, if the protection is in place, and
// returns what it has done for the operator. Messages of earlier steps of the loop, such as the
// StopCCN of a reset, leave under the old ones.
func (l *loop) reconnect(ctx context.Context) string {
	const notRequested = ", but no new IKE SA is requested: "
	// The answer of ask precedes the messages of its step. That of another step follows them.
	inPlace, err := ask(ctx, l, func(time.Time) bool { return l.protection.inPlace })
	if err == nil && !inPlace {
		err = errNotProtected
	}
	if err == nil {
		err = l.daemon.guard.Reconnect(l.name.peer)
	}
	if err != nil {
		return notRequested + err.Error()
	}
	return ", and a new IKE SA is requested"
}

// room returns the size of the largest packet to the peer that fits into one packet of mtu octets
// on the path.
func (l *loop) room(mtu int) int {
	if l.protection == nil {
		return mtu
	}
	header := 20
	if l.peer.Address.Is6() {
		header = 40
	}
	return ipsec.Room(mtu, header, l.protection.algorithms, l.protection.encapsulated)
}

// guardEvents are the events of the guard: how they are published, and what the loops do.
var guardEvents = map[ipsec.EventKind]struct {
	kind    api.EventKind
	message string
	warn    bool
	act     func(l *loop, now time.Time) // nil: nothing
}{
	ipsec.IKEUp:                {kind: api.EventIKEUp, message: "IKE up", act: (*loop).retryNow},
	ipsec.IKEDown:              {kind: api.EventIKEDown, message: "IKE down", warn: true},
	ipsec.IKERekeyed:           {kind: api.EventIKERekeyed, message: "IKE rekeyed"},
	ipsec.ChildUp:              {kind: api.EventESPUp, message: "ESP up", act: (*loop).espChanged},
	ipsec.ChildDown:            {kind: api.EventESPDown, message: "ESP down", warn: true},
	ipsec.ChildRekeyed:         {kind: api.EventESPRekeyed, message: "ESP rekeyed", act: (*loop).espChanged},
	ipsec.AuthenticationFailed: {kind: api.EventIKERefused, message: "IKE authentication failed", warn: true},
	ipsec.KeyManagerGone:       {kind: api.EventManagerGone, message: "strongSwan not responding", warn: true},
	ipsec.KeyManagerBack:       {kind: api.EventManagerBack, message: "strongSwan responding again", act: (*loop).retryNow},
	ipsec.FloorLost:            {kind: api.EventFloorLost, message: "fail-closed rules missing, not yet restored", warn: true},
	ipsec.FloorRestored:        {kind: api.EventFloorRestored, message: "fail-closed rules were missing, now restored", warn: true},
}

// guardEvent handles an event of the guard. It is safe for concurrent use.
func (d *Daemon) guardEvent(e ipsec.Event) {
	known := guardEvents[e.Kind]
	x := api.Event{Kind: known.kind, Message: known.message, Peer: e.Peer, Reason: e.Text}
	if known.warn {
		x.Level = api.EventWarn
	}
	d.events.Publish(x)
	if known.act == nil {
		return
	}
	for _, l := range d.loops() {
		if l.protection != nil && (e.Peer == "" || e.Peer == l.name.peer) {
			l.post(func(now time.Time) { known.act(l, now) })
		}
	}
}

// retryNow starts planned attempts at once, because packets may pass again.
func (l *loop) retryNow(now time.Time) {
	if !l.protection.inPlace {
		l.openPath(now)
		return
	}
	l.pair.RetryNow(now, &l.out)
}

// espChanged handles new security associations: it starts planned attempts, and computes the path
// MTU for their algorithms.
func (l *loop) espChanged(now time.Time) {
	l.retryNow(now)
	l.daemon.executor.run(func() {
		status := l.daemon.guard.Status(l.protection.peer.Name)
		var algorithms []string
		encapsulated := false
		for _, child := range status.Children {
			algorithms = append(algorithms, child.Algorithms)
			encapsulated = encapsulated || child.Encapsulated
		}
		if algorithms == nil {
			return // they have ended meanwhile
		}
		l.post(func(now time.Time) {
			l.protection.algorithms, l.protection.encapsulated = algorithms, encapsulated
			l.pathChanged(now)
		})
	})
}

// absentGuard is the guard of a daemon without one: nothing can be protected, so no socket of a
// protected class is opened.
type absentGuard struct{ err error }

func (g absentGuard) Protect(ipsec.Peer) error { return g.err }
func (g absentGuard) Release(string) error     { return nil }
func (g absentGuard) Reconnect(string) error   { return g.err }
func (g absentGuard) Tidy([]string) error      { return nil }
func (g absentGuard) Status(string) ipsec.Status {
	return ipsec.Status{Missing: []string{g.err.Error()}}
}
func (g absentGuard) Close() error { return nil }

var errNoGuard = errors.New("this daemon runs without IPsec")
