package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// fake is kernel, floor and key manager of a guard. It records each call that changes something.
type fake struct {
	mu        sync.Mutex
	calls     []string
	installed map[string]bool // peers with a floor

	fail      map[string]error // the errors of calls, by their first word
	left      bool             // an earlier run has left a floor
	foreign   bool             // the floor belongs to another process
	charon    string           // version of the key manager; empty: it does not answer
	charonErr string

	floorChanged func(restored bool, why string)
	notify       func(ipsec.Event)
}

// guarded returns a guard whose parts are the fake.
func guarded(f *fake, events func(ipsec.Event)) *Guard {
	f.installed = map[string]bool{}
	g := New(Options{Socket: "/run/test.vici", Events: events})
	g.parts = parts{
		probe:       func() error { return f.call("probe") },
		floorExists: func() (bool, error) { return f.left, f.error("exists") },
		openFloor: func(changed func(bool, string)) (rules, error) {
			if err := f.call("open-floor"); err != nil {
				return nil, err
			}
			f.floorChanged = changed
			return fakeFloor{f}, nil
		},
		openKeyManager: func(socket string, notify func(ipsec.Event)) (keyManager, error) {
			if err := f.call("open-key-manager " + socket); err != nil {
				return nil, err
			}
			f.notify = notify
			return fakeKeyManager{f}, nil
		},
	}
	return g
}

func (f *fake) call(text string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, text)
	return f.error(text)
}

func (f *fake) error(text string) error {
	word, _, _ := strings.Cut(text, " ")
	return f.fail[word]
}

// took returns the calls since the last call of took, as one text.
func (f *fake) took() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.Join(f.calls, "; ")
	f.calls = nil
	return all
}

type fakeFloor struct{ f *fake }

func (o fakeFloor) Install(peer string, flow ipsec.Flow) error {
	err := o.f.call("install " + peer + " " + flow.Remote.String())
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	o.f.installed[peer] = o.f.installed[peer] || err == nil
	return err
}

func (o fakeFloor) Remove(peer string) error {
	err := o.f.call("remove-floor " + peer)
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	delete(o.f.installed, peer)
	return err
}

func (o fakeFloor) Claim() (bool, error) { return !o.f.foreign, o.f.error("claim") }
func (o fakeFloor) Tidy() error          { return o.f.call("tidy-floor") }
func (o fakeFloor) Close() error         { return o.f.call("close-floor") }

func (o fakeFloor) Installed(peer string) bool {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	return o.f.installed[peer]
}

func (o fakeFloor) Drops(string) (out, in uint64) { return 3, 5 }

type fakeKeyManager struct{ f *fake }

func (o fakeKeyManager) Set(p ipsec.Peer) error      { return o.f.call("set " + p.Name) }
func (o fakeKeyManager) Remove(name string)          { _ = o.f.call("remove " + name) }
func (o fakeKeyManager) Reconnect(name string) error { return o.f.call("reconnect " + name) }
func (o fakeKeyManager) Tidy(names []string) {
	_ = o.f.call("tidy-key-manager " + strings.Join(names, ","))
}
func (o fakeKeyManager) Close() error { return o.f.call("close-key-manager") }

func (o fakeKeyManager) Status(_ string, status *ipsec.Status) {
	status.KeyManager, status.KeyManagerError = o.f.charon, o.f.charonErr
	if o.f.charon != "" {
		status.Children = []ipsec.ChildSA{{State: "INSTALLED"}}
	}
}

func pe(name string) ipsec.Peer {
	return ipsec.Peer{Name: name, Flow: ipsec.Flow{Remote: netip.MustParseAddr("192.0.2.2"), LocalPort: 1701, RemotePort: 1701}}
}

func wantCalls(t *testing.T, f *fake, want string) {
	t.Helper()
	if got := f.took(); got != want {
		t.Errorf("calls %q, want %q", got, want)
	}
}

const opening = "probe; open-floor; open-key-manager /run/test.vici"

// A router without protected links loads no kernel modules and contacts no strongSwan.
func TestNothingBeforeProtect(t *testing.T) {
	f := &fake{}
	g := guarded(f, nil)
	if err := g.Tidy(nil); err != nil {
		t.Error(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	wantCalls(t, f, "")
	if err := g.Protect(pe("pe2")); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Protect after Close: %v", err)
	}
	wantCalls(t, f, "")
}

// The floor is the first to be installed and the last to be removed.
func TestOrder(t *testing.T) {
	f := &fake{}
	g := guarded(f, nil)
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"first Protect", func() error { return g.Protect(pe("pe2")) }, opening + "; install pe2 192.0.2.2; set pe2"},
		{"another peer", func() error { return g.Protect(pe("pe3")) }, "install pe3 192.0.2.2; set pe3"},
		{"a change", func() error { return g.Protect(pe("pe2")) }, "install pe2 192.0.2.2; set pe2"},
		{"Reconnect", func() error { return g.Reconnect("pe2") }, "reconnect pe2"},
		{"Release", func() error { return g.Release("pe2") }, "remove pe2; remove-floor pe2"},
		{"Close", g.Close, "close-key-manager; close-floor"},
	} {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := f.took(); got != step.want {
			t.Errorf("%s: calls %q, want %q", step.name, got, step.want)
		}
	}
	if !f.installed["pe3"] {
		t.Error("Close has removed the floor of pe3")
	}
}

// An error of floor or key manager is returned. Without a floor the key manager gets no flow, and
// if the key manager fails the floor stays.
func TestErrorsOfParts(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		fails string // the call
		do    func(*Guard) error
		want  string // the calls
	}{
		{"install", func(g *Guard) error { return g.Protect(pe("pe3")) }, "install pe3 192.0.2.2"},
		{"set", func(g *Guard) error { return g.Protect(pe("pe3")) }, "install pe3 192.0.2.2; set pe3"},
		{"remove-floor", func(g *Guard) error { return g.Release("pe2") }, "remove pe2; remove-floor pe2"},
		{"reconnect", func(g *Guard) error { return g.Reconnect("pe2") }, "reconnect pe2"},
		{"close-key-manager", (*Guard).Close, "close-key-manager; close-floor"},
		{"close-floor", (*Guard).Close, "close-key-manager; close-floor"},
	} {
		f := &fake{}
		g := guarded(f, nil)
		if err := g.Protect(pe("pe2")); err != nil {
			t.Fatal(err)
		}
		f.took()
		f.fail = map[string]error{tt.fails: broken}
		if err := tt.do(g); !errors.Is(err, broken) {
			t.Errorf("%s fails: error %v", tt.fails, err)
		}
		if got := f.took(); got != tt.want {
			t.Errorf("%s fails: calls %q, want %q", tt.fails, got, tt.want)
		}
		if tt.fails == "set" && !f.installed["pe3"] {
			t.Error("the key manager refuses pe3: the floor is not installed")
		}
	}
}

func TestInvalidFlows(t *testing.T) {
	f := &fake{}
	g := guarded(f, nil)
	for _, flow := range []ipsec.Flow{
		{LocalPort: 1701, RemotePort: 1701},
		{Remote: netip.MustParseAddr("192.0.2.2"), LocalPort: 1701},
		{Remote: netip.MustParseAddr("192.0.2.2"), RemotePort: 1701},
	} {
		if err := g.Protect(ipsec.Peer{Name: "pe2", Flow: flow}); err == nil || !strings.HasPrefix(err.Error(), "pe2: ") {
			t.Errorf("%+v: error %v", flow, err)
		}
	}
	wantCalls(t, f, opening)
	if err := g.Protect(ipsec.Peer{Name: "pe2", Flow: ipsec.Flow{Remote: netip.MustParseAddr("192.0.2.2")}}); err != nil {
		t.Errorf("a flow over IP: %v", err)
	}
}

// A host that lacks something protects nothing, and reports everything that it lacks.
func TestMissingParts(t *testing.T) {
	noESP, noFloor, noXFRM := errors.New("no ESP"), errors.New("no nf_tables"), errors.New("no XFRM")
	for _, tt := range []struct {
		fail   map[string]error
		opened string // the calls of the first Protect
		closed string // the calls of Close
		want   []error
	}{
		{map[string]error{"probe": noESP}, "probe; open-floor", "close-floor", []error{noESP}},
		{map[string]error{"open-floor": noFloor}, "probe; open-floor", "", []error{noFloor}},
		{map[string]error{"probe": noESP, "open-floor": noFloor}, "probe; open-floor", "", []error{noESP, noFloor}},
		{map[string]error{"open-key-manager": noXFRM}, opening, "close-floor", []error{noXFRM}},
	} {
		f := &fake{fail: tt.fail, left: true}
		g := guarded(f, nil)
		for range 2 { // the host is not probed again
			err := g.Protect(pe("pe2"))
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("%v: Protect returns %v, want %v", tt.fail, err, want)
				}
			}
		}
		if err := g.Reconnect("pe2"); !errors.Is(err, tt.want[0]) {
			t.Errorf("%v: Reconnect returns %v", tt.fail, err)
		}
		if err := g.Release("pe2"); err != nil {
			t.Errorf("%v: Release returns %v, although nothing was protected", tt.fail, err)
		}
		status := g.Status("pe2")
		var missing []string
		for _, want := range tt.want {
			missing = append(missing, want.Error())
		}
		if !slices.Equal(status.Missing, missing) || status.Floor || status.Up() {
			t.Errorf("%v: status %+v, want what is missing to be %q", tt.fail, status, missing)
		}
		wantCalls(t, f, tt.opened)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		wantCalls(t, f, tt.closed)
	}
}

// State of an earlier run is removed only if no other daemon owns it, and rules of the floor only
// once all configured peers have rules.
func TestTidy(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name    string
		fake    *fake
		protect []string
		names   []string
		want    string // the calls of Tidy
		err     error
	}{
		{"nothing is left", &fake{}, nil, []string{"pe2"}, "", nil},
		{"a kernel without nf_tables", &fake{left: true, fail: map[string]error{"exists": broken}}, nil, nil, "", nil},
		{"no peer is configured", &fake{left: true}, nil, nil, opening + "; tidy-key-manager ; tidy-floor", nil},
		{"a peer is not protected yet", &fake{left: true}, []string{"pe2"}, []string{"pe2", "pe3"}, "tidy-key-manager pe2,pe3", nil},
		{"all peers are protected", &fake{left: true}, []string{"pe2", "pe3"}, []string{"pe2", "pe3"}, "tidy-key-manager pe2,pe3; tidy-floor", nil},
		{"another daemon's floor", &fake{left: true, foreign: true}, nil, nil, opening, nil},
		{"the owner is unknown", &fake{left: true, fail: map[string]error{"claim": broken}}, nil, nil, opening, broken},
		{"the floor cannot be removed", &fake{left: true, fail: map[string]error{"tidy-floor": broken}}, nil, nil, opening + "; tidy-key-manager ; tidy-floor", broken},
		{"no floor can be opened", &fake{left: true, fail: map[string]error{"open-floor": broken}}, nil, nil, "probe; open-floor", nil},
		{"no key manager can be opened", &fake{left: true, fail: map[string]error{"open-key-manager": broken}}, nil, nil, opening + "; tidy-floor", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.fake
			g := guarded(f, nil)
			for _, name := range tt.protect {
				if err := g.Protect(pe(name)); err != nil {
					t.Fatal(err)
				}
			}
			f.took()
			if err := g.Tidy(tt.names); !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			wantCalls(t, f, tt.want)
		})
	}
}

func TestStatus(t *testing.T) {
	f := &fake{charon: "strongSwan 5.9.8"}
	g := guarded(f, nil)
	if err := g.Protect(pe("pe2")); err != nil {
		t.Fatal(err)
	}
	s := g.Status("pe2")
	if !s.Up() || !s.Floor || s.DroppedOut != 3 || s.DroppedIn != 5 || s.KeyManager != "strongSwan 5.9.8" || len(s.Missing) != 0 {
		t.Errorf("status %+v", s)
	}
	f.installed["pe2"] = false
	if s := g.Status("pe2"); s.Up() || s.Floor {
		t.Errorf("status without a floor: %+v", s)
	}
	f.charon = ""
	for _, tt := range []struct{ err, want string }{{"connection refused", "(connection refused)"}, {"", "(not contacted yet)"}} {
		f.charonErr = tt.err
		if s := g.Status("pe2"); len(s.Missing) != 1 || !strings.Contains(s.Missing[0], tt.want) || !strings.Contains(s.Missing[0], "systemctl enable --now strongswan") {
			t.Errorf("status without strongSwan: %+v, want advice with %s", s, tt.want)
		}
	}
}

func TestEvents(t *testing.T) {
	var got []ipsec.Event
	f := &fake{}
	g := guarded(f, func(e ipsec.Event) { got = append(got, e) })
	if err := g.Protect(pe("pe2")); err != nil {
		t.Fatal(err)
	}
	f.floorChanged(false, "lost")
	f.floorChanged(true, "restored")
	f.notify(ipsec.Event{Peer: "pe2", Kind: ipsec.ChildUp, Text: "up"})
	want := []ipsec.Event{
		{Kind: ipsec.FloorLost, Text: "lost"},
		{Kind: ipsec.FloorRestored, Text: "restored"},
		{Peer: "pe2", Kind: ipsec.ChildUp, Text: "up"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %+v, want %+v", got, want)
	}

	silent := &fake{}
	g = guarded(silent, nil)
	if err := g.Protect(pe("pe2")); err != nil {
		t.Fatal(err)
	}
	silent.floorChanged(false, "without a function for events")
}

// The parts are opened once, however many goroutines use the guard, and no two events are delivered
// at the same time.
func TestConcurrency(t *testing.T) {
	f := &fake{left: true, charon: "strongSwan"}
	var inside, events atomic.Int32
	g := guarded(f, func(ipsec.Event) {
		if inside.Add(1) != 1 {
			t.Error("two events are delivered at the same time")
		}
		time.Sleep(10 * time.Microsecond)
		events.Add(1)
		inside.Add(-1)
	})
	const users, rounds = 16, 20
	var wg sync.WaitGroup
	for i := range users {
		wg.Go(func() {
			name := fmt.Sprint("pe", i)
			for range rounds {
				if err := errors.Join(g.Protect(pe(name)), g.Tidy(nil), g.Reconnect(name)); err != nil {
					t.Error(err)
				}
				if s := g.Status(name); !s.Up() {
					t.Errorf("%s is protected, and its status is %+v", name, s)
				}
				f.floorChanged(true, "restored")
				f.notify(ipsec.Event{Peer: name, Kind: ipsec.IKEUp})
				if err := g.Release(name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for call, want := range map[string]int{"probe": 1, "open-floor": 1, "open-key-manager": 1} {
		n := 0
		for _, got := range f.calls {
			if word, _, _ := strings.Cut(got, " "); word == call {
				n++
			}
		}
		if n != want {
			t.Errorf("%s was called %d times, want %d", call, n, want)
		}
	}
	if events.Load() != users*rounds*2 {
		t.Errorf("%d events were delivered, want %d", events.Load(), users*rounds*2)
	}
}
