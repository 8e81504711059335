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

// protection is IPsec for the flow of a loop. Until it stands no socket is opened; from then on the
// flow passes as ESP or not at all, which is the guard's to see to.
type protection struct {
	peer   ipsec.Peer
	stands bool // the guard has taken it
	asked  bool // the guard was asked, and has not answered yet

	// What its packets grow by: algorithms that may be in use, and whether they are in UDP, for a
	// NAT.
	algorithms   []string
	encapsulated bool

	asking singleflight.Group // for its status
	last   atomic.Pointer[ipsec.Status]
}

// status asks the guard how the protection is. The guard asks others, and may take its time: in
// place of what takes too long there is what was told last.
func (p *protection) status(ctx context.Context, guard ipsec.Guard) *ipsec.Status {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	answer := p.asking.DoChan("", func() (any, error) {
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
	return &ipsec.Status{KeyManagerError: fmt.Sprintf("nothing was heard of it for %v", viewTimeout)}
}

// unprotectedError is why there is no protection, and so no socket.
type unprotectedError struct{ error }

func (e *unprotectedError) Unwrap() error { return e.error }

var errUnprotected = &unprotectedError{errors.New("the protection does not stand yet")}

// protect asks the guard for the protection. The path is opened when it stands.
func (l *loop) protect() {
	p := l.protection
	if p.asked {
		return
	}
	p.asked = true
	l.path.retryAt = time.Time{}
	l.closing.Add(1)
	l.daemon.executor.later(func() {
		err := l.daemon.guard.Protect(p.peer)
		l.closing.Done()
		l.post(func(now time.Time) { l.protected(now, err) })
	})
}

// protected takes the guard's answer.
func (l *loop) protected(now time.Time, err error) {
	l.protection.asked = false
	if err != nil {
		l.noPath(now, &unprotectedError{err})
		return
	}
	l.protection.stands = true
	l.publish(api.Event{Kind: api.EventProtected, Message: "protected: what is sent to the peer goes as ESP or not at all"})
	l.daemon.protectedOne()
	l.openPath(now)
	if l.path.tunnel != nil {
		l.pair.RetryNow(now, &l.out)
	}
}

// protectedOne notes that one loop less waits for its protection.
func (d *Daemon) protectedOne() {
	if d.unprotected.Add(-1) == 0 {
		d.tidyGuard()
	}
}

// tidyGuard has the guard take back what an earlier run has left of what is not to be protected any
// more. It is asked when the daemon begins, as what is to be protected may never be, and again when
// all of that is.
func (d *Daemon) tidyGuard() {
	var names []string
	for _, l := range d.loops() {
		if l.protection != nil {
			names = append(names, l.name.peer)
		}
	}
	d.executor.later(func() {
		if err := d.guard.Tidy(names); err != nil {
			d.log.Warn("what an earlier run has left of IPsec is not removed", zap.String("reason", err.Error()))
		}
	})
}

// unprotect takes the protection back, when no socket is open any more.
func (l *loop) unprotect() {
	if l.protection == nil {
		return
	}
	if err := l.daemon.guard.Release(l.name.peer); err != nil {
		l.log.Warn("IPsec not ended cleanly", zap.String("reason", err.Error()))
	}
	if !l.protection.stands {
		l.daemon.protectedOne()
	}
}

// reconnect requests new security associations with the peer, if the protection is in place, and
// returns what it has done for the operator. Messages of earlier steps of the loop, such as the
// StopCCN of a reset, leave under the old ones.
func (l *loop) reconnect(ctx context.Context) string {
	const notRequested = ", but no new IKE SA is requested: "
	// The answer of ask precedes the messages of its step. That of another step follows them.
	inPlace, err := ask(ctx, l, func(time.Time) bool { return l.protection.stands })
	if err == nil && !inPlace {
		err = errUnprotected
	}
	if err == nil {
		err = l.daemon.guard.Reconnect(l.name.peer)
	}
	if err != nil {
		return notRequested + err.Error()
	}
	return ", and a new IKE SA is requested"
}

// room is the size of the largest packet to the peer that fits into one of mtu octets on the path.
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

// guardEvents are the events of the guard: how the log tells them, and what they mean for the
// loops.
var guardEvents = map[ipsec.EventKind]struct {
	as      api.EventKind
	message string
	warn    bool
	act     func(l *loop, now time.Time)
}{
	ipsec.IKEUp:                {as: api.EventIKEUp, message: "IKE is up", act: (*loop).hurry},
	ipsec.IKEDown:              {as: api.EventIKEDown, message: "IKE is down", warn: true},
	ipsec.IKERekeyed:           {as: api.EventIKERekeyed, message: "IKE was rekeyed"},
	ipsec.ChildUp:              {as: api.EventESPUp, message: "ESP is up", act: (*loop).shielded},
	ipsec.ChildDown:            {as: api.EventESPDown, message: "ESP is down", warn: true},
	ipsec.ChildRekeyed:         {as: api.EventESPRekeyed, message: "ESP was rekeyed", act: (*loop).shielded},
	ipsec.AuthenticationFailed: {as: api.EventIKERefused, message: "IKE authentication failed", warn: true},
	ipsec.KeyManagerGone:       {as: api.EventManagerGone, message: "strongSwan does not answer", warn: true},
	ipsec.KeyManagerBack:       {as: api.EventManagerBack, message: "strongSwan answers", act: (*loop).hurry},
	ipsec.FloorLost:            {as: api.EventFloorLost, message: "the floor is gone, and is not there again yet", warn: true},
	ipsec.FloorRestored:        {as: api.EventFloorRestored, message: "the floor was gone and is there again", warn: true},
}

// guardEvent takes an event of the guard. It may be called from any goroutine.
func (d *Daemon) guardEvent(e ipsec.Event) {
	known := guardEvents[e.Kind]
	x := api.Event{Kind: known.as, Message: known.message, Peer: e.Peer, Reason: e.Text}
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

// hurry has what waits for its time begin now, as packets may pass again.
func (l *loop) hurry(now time.Time) {
	if !l.protection.stands {
		l.openPath(now)
		return
	}
	l.pair.RetryNow(now, &l.out)
}

// shielded takes the security associations that are there now.
func (l *loop) shielded(now time.Time) {
	l.hurry(now)
	l.daemon.executor.later(func() {
		status := l.daemon.guard.Status(l.protection.peer.Name)
		var algorithms []string
		encapsulated := false
		for _, child := range status.Children {
			algorithms = append(algorithms, child.Algorithms)
			encapsulated = encapsulated || child.Encapsulated
		}
		if algorithms == nil {
			return // gone already
		}
		l.post(func(now time.Time) {
			l.protection.algorithms, l.protection.encapsulated = algorithms, encapsulated
			l.pathChanged(now)
		})
	})
}

// absentGuard stands where there is none: nothing is protected, and so nothing sent.
type absentGuard struct{ why error }

func (g absentGuard) Protect(ipsec.Peer) error { return g.why }
func (g absentGuard) Release(string) error     { return nil }
func (g absentGuard) Reconnect(string) error   { return g.why }
func (g absentGuard) Tidy([]string) error      { return nil }
func (g absentGuard) Status(string) ipsec.Status {
	return ipsec.Status{Missing: []string{g.why.Error()}}
}
func (g absentGuard) Close() error { return nil }

var errNoGuard = fmt.Errorf("IPsec is not there in this run")
