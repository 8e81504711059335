// Package strongswan has strongSwan's charon make and keep security associations with peers, over
// its VICI socket.
//
// One goroutine compares again and again what is wanted with what charon and the kernel have, and
// acts: so a charon that is restarted, another program that has charon reload all its
// configuration, and somebody who flushes the kernel's policies are no special cases. Events only
// make it look sooner.
package strongswan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/strongswan/govici/vici"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/timing"
	"github.com/l2tpvl/l2tpvl/ipsec"
)

// DefaultSocket is where Debian's strongSwan listens.
const DefaultSocket = "/var/run/charon.vici"

// How often, and how long.
const (
	dialInterval = time.Second      // of asking whether charon is there
	lookInterval = 3 * time.Second  // of comparing when nothing is heard
	settleTime   = time.Second      // for what charon is changing in the kernel just now
	patience     = 15 * time.Second // with an attempt that gets no answer
	hintDelay    = 10 * time.Second // before a side that does not start tells the other that it has lost its SAs: that may be asking already
	loadTimeout  = 5 * time.Second  // of Set for charon
)

// retry spaces the attempts to establish SAs with one peer. Its jitter keeps many peers from starting
// at once.
var retry = timing.Backoff{Min: time.Second, Max: 30 * time.Second}

// Manager is charon as the manager of our SAs. It is safe for concurrent use.
type Manager struct {
	socket  string
	tell    func(ipsec.Event)
	kernel  kernel
	watcher *xfrmWatcher
	wake    chan struct{}
	closing chan struct{}
	ended   sync.WaitGroup

	mu      sync.Mutex
	peers   map[string]*peer // by name; those that are being removed too
	session *session         // nil: charon is not there
	version string
	err     error           // why it is not
	tidy    []string        // what charon has for others than these and peers is to be removed; nil: nothing is
	keys    map[string]bool // private keys that charon has from us, by its name of them
}

// peer is what is wanted of a peer, and how far it is.
type peer struct {
	want     ipsec.Peer
	version  int  // of want
	loaded   bool // charon has it
	keyID    string
	refused  error // why charon has not
	removed  bool
	stale    bool // charon may have it, and SAs, of an earlier run or another life, which go before it is loaded
	restart  bool // the SAs are to begin anew
	waiting  []chan struct{}
	attempts int       // without success so far
	askedAt  time.Time // of the last attempt
	nextAt   time.Time // earliest time of the next
	lostAt   time.Time // there are no SAs since; zero: there are, or there were none ever since charon is there
	hinted   bool      // the peer that starts was told
	vanished bool      // what the kernel should have was not there at the last look

	failure     string // the last
	failureKind ipsec.Failure
	failureAt   time.Time
}

// New begins to look for charon. The kernel's policies and associations are those of the namespace
// of the calling thread. Tell is called for each event, by one goroutine.
func New(socket string, tell func(ipsec.Event)) (*Manager, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_XFRM)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		socket: cmp.Or(socket, DefaultSocket), tell: tell, kernel: kernel{handle},
		wake: make(chan struct{}, 1), closing: make(chan struct{}),
		peers: map[string]*peer{}, keys: map[string]bool{},
	}
	if m.watcher, err = watchXFRM(); err != nil {
		handle.Close()
		return nil, err
	}
	m.ended.Go(m.run)
	return m, nil
}

// Set has charon keep SAs with a peer. If charon is there Set waits until it has taken the
// configuration, and returns its refusal.
func (m *Manager) Set(p ipsec.Peer) error {
	if err := check(p); err != nil {
		return err
	}
	done := make(chan struct{})
	m.mu.Lock()
	x := m.peers[p.Name]
	switch {
	case x == nil:
		x = &peer{stale: true}
		m.peers[p.Name] = x
	case x.removed:
		x.stale = true
	case !sameSAs(x.want, p):
		x.restart = true
	}
	x.want, x.loaded, x.refused, x.removed = p, false, nil, false
	x.version++
	x.waiting = append(x.waiting, done)
	there := m.session != nil
	m.mu.Unlock()
	m.look()
	if there {
		select {
		case <-done:
		case <-time.After(loadTimeout):
		case <-m.closing:
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return x.refused
}

// Remove ends the SAs with a peer and has charon forget it. Where charon is there it waits for
// that, else it is done when charon is.
func (m *Manager) Remove(name string) {
	done := make(chan struct{})
	m.mu.Lock()
	x, there := m.peers[name], m.session != nil
	if x != nil {
		x.removed = true
		x.waiting = append(x.waiting, done)
	}
	m.mu.Unlock()
	if x == nil || !there {
		return
	}
	m.look()
	select {
	case <-done:
	case <-time.After(loadTimeout):
	case <-m.closing:
	}
}

// Reconnect ends the SAs with a peer, and begins anew.
func (m *Manager) Reconnect(name string) error {
	m.mu.Lock()
	x, err := m.peers[name], m.err
	protected := x != nil && !x.removed
	if protected {
		x.restart = true
	}
	m.mu.Unlock()
	if !protected {
		return fmt.Errorf("%s is not protected", name)
	}
	m.look()
	return err
}

// Tidy has charon forget what earlier runs have left of peers that are neither ours now nor will
// be, as those of these names. If charon is not there it is done when charon is.
func (m *Manager) Tidy(names []string) {
	m.mu.Lock()
	m.tidy = append([]string{}, names...)
	m.mu.Unlock()
	m.look()
}

// Close ends all SAs and has charon forget all of ours.
func (m *Manager) Close() error {
	close(m.closing)
	m.ended.Wait()
	m.kernel.handle.Close()
	return m.watcher.Close()
}

// look makes the goroutine compare now.
func (m *Manager) look() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

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

// release wakes who waits for what was to be done.
func (x *peer) release() {
	for _, done := range x.waiting {
		close(done)
	}
	x.waiting = nil
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

// decide says what is to be done about the SAs with a peer, nil if nothing, and when to look again
// at the latest.
func (x *peer) decide(sas []ikeSA, inKernel installed, now time.Time) (act *action, at time.Time) {
	name := prefix + x.want.Name
	at = now.Add(lookInterval)
	up, vanished, astray := false, false, false
	var established []ikeSA
	for _, sa := range sas {
		if sa.State == "ESTABLISHED" {
			established = append(established, sa)
		}
		for _, c := range sa.children {
			switch {
			case !c.carriesTraffic():
			case !carries(x.want.Flow, c.localTS, c.remoteTS):
				astray = true
			default:
				up = true
				vanished = vanished || c.State == "INSTALLED" && !inKernel.has(x.want.Flow, c)
			}
		}
	}
	again := vanished && x.vanished // charon may have been at it the first time
	x.vanished = vanished
	if vanished && !again {
		return nil, now.Add(settleTime)
	}
	if x.restart || astray || again {
		x.restart, x.vanished, x.attempts, x.nextAt = false, false, 0, time.Time{}
		if len(sas) > 0 {
			return terminate(name), now
		}
	}
	if up {
		x.attempts, x.nextAt, x.lostAt, x.hinted = 0, time.Time{}, time.Time{}, false
		if x.want.Starts && len(established) > 1 { // made at the same time, or left by a restart: the newest stays
			newest := slices.MaxFunc(established, func(a, b ikeSA) int { return a.Established.Compare(b.Established) })
			for _, sa := range established {
				if sa.id != newest.id && now.Sub(newest.Established) > settleTime {
					return terminateOne(sa.id), at
				}
			}
		}
		return nil, at
	}
	if x.lostAt.IsZero() {
		x.lostAt = now
	}
	if !x.want.Starts {
		// The side that starts cannot know that our charon was killed, or begun anew with this
		// configuration: until its DPD finds out it keeps to SAs that are no more. A call of ours
		// tells it.
		if x.hinted || len(sas) > 0 {
			return nil, at
		}
		if when := x.lostAt.Add(hintDelay); now.Before(when) {
			return nil, timing.Earliest(at, when)
		}
		x.hinted = true
		return initiate(name), at
	}
	if len(sas) > 0 && now.Sub(x.askedAt) < patience && x.attempts > 0 { // under way
		return nil, at
	}
	if now.Before(x.nextAt) {
		return nil, timing.Earliest(at, x.nextAt)
	}
	if len(sas) > len(established) { // no answer, or one that leads nowhere
		if x.attempts == 0 { // the peer has called
			x.askedAt, x.attempts = now, 1
			return nil, at
		}
		if x.failureAt.Before(x.askedAt) {
			x.fail(now, ipsec.FailureSilent, fmt.Sprintf("%s does not answer IKE at %s (UDP ports 500 and 4500)", x.want.Name, x.want.Flow.Remote))
		}
		return terminate(name), now
	}
	x.askedAt = now
	x.nextAt = now.Add(retry.Delay(x.attempts, rand.Uint32()))
	x.attempts++
	return initiate(name), timing.Earliest(at, x.nextAt)
}

func (x *peer) fail(now time.Time, kind ipsec.Failure, text string) {
	x.failure, x.failureKind, x.failureAt = text, kind, now
}

// action is a command for charon.
type action struct {
	command string
	fields  map[string]string
}

func (a *action) do(s *session) error {
	_, err := s.call(a.command, a.fields)
	return err
}

// initiate has charon ask for a CHILD SA, in an IKE SA that is there or a new one. It does not wait
// for what comes of it.
func initiate(name string) *action {
	return &action{"initiate", map[string]string{"ike": name, "child": name, "timeout": "-1"}}
}

// terminate has charon end all IKE SAs of a connection.
func terminate(name string) *action {
	return &action{"terminate", map[string]string{"ike": name, "force": "yes", "timeout": "1000"}}
}

// terminateOne has charon end the IKE SA of that number.
func terminateOne(id string) *action {
	return &action{"terminate", map[string]string{"ike-id": id, "force": "yes", "timeout": "1000"}}
}
