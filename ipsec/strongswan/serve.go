package strongswan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/strongswan/govici/vici"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// run keeps a connection to charon, and serves it.
func (m *Manager) run() {
	was := false // charon was there
	for first := true; ; first = false {
		gone := m.serve(func() {
			if !first {
				m.tell(ipsec.Event{Kind: ipsec.ManagerBack, Text: "strongSwan is there; its configuration is loaded"})
			}
			was = true
		})
		select {
		case <-m.closing:
			return
		default:
		}
		m.mu.Lock()
		m.session, m.err = nil, gone
		for _, x := range m.peers {
			x.loaded, x.refused, x.attempts, x.nextAt, x.hinted = false, nil, 0, time.Time{}, false
			x.release()
		}
		m.mu.Unlock()
		if was {
			m.tell(ipsec.Event{Kind: ipsec.ManagerGone, Text: gone.Error()})
			was = false
		}
		select {
		case <-m.closing:
			return
		case <-time.After(dialInterval):
		}
	}
}

// The events of charon that are heard.
var heard = []string{"ike-updown", "child-updown", "ike-rekey", "child-rekey", "log"}

// serve does everything with one charon, until it is gone, and returns why. It calls begun when
// charon has answered.
func (m *Manager) serve(begun func()) error {
	session, err := dial(m.socket)
	if err != nil {
		return err
	}
	defer session.Close()
	listener, err := open(m.socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := listener.Subscribe(heard...); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	events := make(chan vici.Event, 1<<12)
	listener.NotifyEvents(events)
	answer, err := session.call("version", nil)
	if err != nil {
		return err
	}
	f := fields{answer}
	m.mu.Lock()
	m.session, m.err, m.version = session, nil, strings.TrimSpace("strongSwan "+f.text("version"))
	m.mu.Unlock()

	ears := ears{m: m, callers: map[string]string{}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	lookAt := time.Now() // the next time at the latest
	for started := false; ; {
		timer.Reset(time.Until(lookAt))
		select {
		case <-m.closing:
			m.endAll(session)
			return nil
		case e, ok := <-events:
			if !ok {
				return fmt.Errorf("%w: its socket was closed", errLost)
			}
			if ears.hear(e) {
				lookAt = timing.Earliest(lookAt, time.Now())
			}
			continue
		case <-m.watcher.changed:
			lookAt = timing.Earliest(lookAt, time.Now().Add(settleTime))
			continue
		case <-m.wake:
		case <-timer.C:
		}
		next, err := m.compare(session, time.Now())
		if err != nil {
			return err
		}
		if !started {
			begun()
			started = true
		}
		lookAt = next
	}
}

// compare compares what is wanted with what is there, and acts. It returns when to compare again,
// and an error if charon is gone.
func (m *Manager) compare(s *session, now time.Time) (next time.Time, err error) {
	if err := m.load(s); err != nil {
		return next, err
	}
	messages, err := s.list("")
	if err != nil {
		return next, err
	}
	sas := map[string][]ikeSA{}
	for _, message := range messages {
		for _, sa := range parse(message, now) {
			if strings.HasPrefix(sa.connection, prefix) {
				sas[sa.connection] = append(sas[sa.connection], sa)
			}
		}
	}
	inKernel, err := m.kernel.installed()
	if err != nil {
		return next, fmt.Errorf("asking the kernel for its security associations: %w", err)
	}
	next = now.Add(lookInterval)
	m.mu.Lock()
	var acts []*action
	for _, name := range slices.Sorted(maps.Keys(m.peers)) {
		if x := m.peers[name]; x.loaded && !x.removed {
			act, at := x.decide(sas[prefix+name], inKernel, now)
			if act != nil {
				acts = append(acts, act)
			}
			next = timing.Earliest(next, at)
		}
	}
	m.mu.Unlock()
	for _, act := range acts {
		if err := act.do(s); errors.Is(err, errLost) {
			return next, err
		}
	}
	return next, nil
}
