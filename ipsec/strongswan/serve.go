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

// run connects to charon again and again, and serves each connection.
func (m *KeyManager) run() {
	answered := false
	for first := true; ; first = false {
		err := m.serve(func() {
			if !first {
				m.notify(ipsec.Event{Kind: ipsec.KeyManagerBack, Text: "strongSwan answers again; its configuration is loaded"})
			}
			answered = true
		})
		select {
		case <-m.closing:
			return
		default:
		}
		m.mu.Lock()
		m.session, m.err = nil, err
		for _, x := range m.peers {
			x.loaded, x.refused, x.attempts, x.nextAt, x.hinted = false, nil, 0, time.Time{}, false
			x.release()
		}
		m.mu.Unlock()
		if answered {
			m.notify(ipsec.Event{Kind: ipsec.KeyManagerGone, Text: err.Error()})
			answered = false
		}
		select {
		case <-m.closing:
			return
		case <-time.After(dialInterval):
		}
	}
}

// charonEvents are the names of the events that handleEvent understands.
var charonEvents = []string{"ike-updown", "child-updown", "ike-rekey", "child-rekey", "log"}

// serve connects to charon and keeps the SAs with all peers established until the connection to
// charon is lost. It returns why the connection was lost, and calls ready after the first
// comparison.
func (m *KeyManager) serve(ready func()) error {
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
	if err := listener.Subscribe(charonEvents...); err != nil {
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

	handler := eventHandler{m: m, initiators: map[string]string{}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	compareAt := time.Now()
	for started := false; ; {
		timer.Reset(time.Until(compareAt))
		select {
		case <-m.closing:
			m.endAll(session)
			return nil
		case e, ok := <-events:
			if !ok {
				return fmt.Errorf("%w: it has closed the connection", errLost)
			}
			if handler.handleEvent(e) {
				compareAt = timing.Earliest(compareAt, time.Now())
			}
			continue
		case <-m.watcher.changed:
			compareAt = timing.Earliest(compareAt, time.Now().Add(settleTime))
			continue
		case <-m.wake:
		case <-timer.C:
		}
		next, err := m.compare(session, time.Now())
		if err != nil {
			return err
		}
		if !started {
			ready()
			started = true
		}
		compareAt = next
	}
}

// compare compares the wanted SAs with those of charon and the kernel, and sends charon the
// commands that correct the difference. It returns the time of the next comparison, or an error if
// charon does not answer.
func (m *KeyManager) compare(s *session, now time.Time) (next time.Time, err error) {
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
		return next, fmt.Errorf("listing the kernel's security associations: %w", err)
	}
	next = now.Add(compareInterval)
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
