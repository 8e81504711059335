package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/ipsec/guard"
)

const (
	testTimeout = 15 * time.Minute // of one test as a whole
	waitTimeout = 2 * time.Minute  // of one thing that a test waits for
	port        = 1701
)

// variant is a kind of flow, and of authentication.
type variant struct {
	overIPv6     bool
	overIP       bool // protocol 115
	certificates bool
}

// rig is two routers with a flow between them that is protected.
type rig struct {
	testing.TB
	*lab.Lab
	variant
	ctx   context.Context
	ca    *lab.CA
	watch *lab.LeakWatch
	sides [2]*side
}

// side is one of the two. The first starts the IKE SA.
type side struct {
	r      *rig
	pe     *lab.PE
	charon *lab.Charon
	guard  *guard.Guard
	peer   ipsec.Peer // what it protects

	mu     sync.Mutex
	events []ipsec.Event

	conn     net.Conn
	received atomic.Uint64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	l, err := lab.New(lab.Options{VPNs: []string{"red"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	r := &rig{TB: t, Lab: l, ctx: ctx}
	t.Cleanup(func() {
		r.finish()
		cancel()
	})
	var flows []lab.ProtectedFlow
	for _, f := range [][2]netip.Addr{
		{l.PE1.Address, l.PE2.Address}, {l.PE1.Address6, l.PE2.Address6}, {elsewhere, l.PE2.Address}, {elsewhere6, l.PE2.Address6},
	} {
		flows = append(flows, lab.ProtectedFlow{A: f[0], B: f[1]}, lab.ProtectedFlow{A: f[0], B: f[1], Ports: []uint16{port}})
	}
	r.watch, err = l.WatchLeaks(l.PE1.NS, lab.ProviderInterface, flows...)
	r.must(err)
	r.ca, err = lab.NewCA("the provider's")
	r.must(err)
	var starting errgroup.Group
	for i, pe := range l.PEs() {
		s := &side{r: r, pe: pe}
		r.sides[i] = s
		starting.Go(func() (err error) {
			s.charon, err = pe.StartCharon(ctx)
			return err
		})
	}
	r.must(starting.Wait())
	for _, s := range r.sides {
		s.newGuard()
	}
	return r
}

// begin begins a part of the test, in which traffic runs already.
func (r *rig) begin(t *testing.T, v variant) {
	t.Helper()
	r.TB = t
	if r.variant != v || r.sides[0].conn == nil || r.sides[1].conn == nil {
		r.protect(v)
	}
	r.passes()
	for _, s := range r.sides {
		s.settles()
	}
	t.Cleanup(r.checkWatch)
}

// settles waits until there is one pair of associations, and strongSwan has the configuration. It
// returns the SPI of what arrives.
func (s *side) settles() (spi string) {
	s.r.Helper()
	s.r.wait("one pair of associations on "+s.pe.Name, func() (bool, string, error) {
		status := s.status()
		connections, err := s.charon.Connections()
		if len(status.Children) > 0 {
			spi = status.Children[0].LocalSPI
		}
		return len(status.Children) == 1 && status.Up() && slices.Contains(connections, "l2tpvl-"+s.peer.Name), asJSON(status), err
	})
	return spi
}

func (r *rig) address(pe *lab.PE) netip.Addr {
	if r.overIPv6 {
		return pe.Address6
	}
	return pe.Address
}

// peer is what a router protects, with the timers of an impatient operator.
func (r *rig) peer(pe *lab.PE) ipsec.Peer {
	p := ipsec.Peer{
		Name:   pe.Peer.Name,
		Flow:   ipsec.Flow{Local: r.address(pe), Remote: r.address(pe.Peer)},
		Auth:   ipsec.Auth{PSK: []byte("a secret of the two")},
		IKE:    ipsec.IKE{Proposals: []string{"aes256gcm16-prfsha384-ecp256"}, Rekey: 4 * time.Hour, DPD: 2 * time.Second},
		Child:  ipsec.Child{Proposals: []string{"aes256gcm16-ecp256"}, Rekey: time.Hour, ReplayWindow: 128},
		Starts: pe.Number == 1,
	}
	if !r.overIP {
		p.Flow.LocalPort, p.Flow.RemotePort = port, port
	}
	if r.certificates {
		certificate, key, err := r.ca.Issue(pe.Name + ".example.net")
		r.must(err)
		p.Auth = ipsec.Auth{
			LocalID: pe.Name + ".example.net", RemoteID: pe.Peer.Name + ".example.net",
			Certificate: certificate, PrivateKey: key, CAs: [][]byte{r.ca.PEM},
		}
	}
	return p
}

func (s *side) newGuard() {
	s.r.must(s.pe.NS.Do(func() error {
		s.guard = guard.New(guard.Options{Socket: s.charon.Socket, Events: func(e ipsec.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		}})
		return nil
	}))
}

// protect and tidy are the guard's, in the namespace that it is to guard.
func (s *side) protect(p ipsec.Peer) error {
	return s.pe.NS.Do(func() error { return s.guard.Protect(p) })
}

func (s *side) tidy() error {
	return s.pe.NS.Do(func() error { return s.guard.Tidy([]string{s.peer.Name}) })
}

// finish removes everything, after a failure with the last words of the charons, and fails the test
// if anything has leaked.
func (r *rig) finish() {
	for _, s := range r.sides {
		if s == nil || s.guard == nil {
			continue
		}
		s.silence()
		if r.Failed() {
			log, _ := os.ReadFile(s.charon.LogFile)
			lines := strings.Split(string(log), "\n")
			s.mu.Lock()
			r.Logf("%s: status %s\nevents %+v\nend of charon's log:\n%s", s.pe.Name, asJSON(s.guard.Status(s.peer.Name)), s.events,
				strings.Join(lines[max(0, len(lines)-80):], "\n"))
			s.mu.Unlock()
		}
		if err := s.guard.Close(); err != nil {
			r.Error(err)
		}
	}
	r.checkWatch()
	if _, err := r.watch.Stop(); err != nil {
		r.Error(err)
	}
	if err := r.Close(); err != nil {
		r.Error(err)
	}
}

func (r *rig) checkWatch() {
	r.Helper()
	if seen := r.watch.Seen(); seen.Leaks > 0 {
		r.Errorf("%d packets passed in clear, the first of them:\n%s", seen.Leaks, strings.Join(seen.First, "\n"))
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) wait(what string, look func() (done bool, seen string, err error)) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, waitTimeout)
	defer cancel()
	r.must(lab.Wait(ctx, what, look))
}

// protect protects a flow on both sides in place of the one before, and then has traffic run on it
// that does not stop.
func (r *rig) protect(v variant) {
	r.Helper()
	r.variant = v
	for _, s := range r.sides {
		s.silence()
		s.peer = r.peer(s.pe)
		r.must(s.protect(s.peer))
	}
	for _, s := range r.sides {
		s.talk()
	}
}

// silence closes the socket.
func (s *side) silence() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// talk sends a packet every 5 ms from now on, and counts what comes.
func (s *side) talk() {
	flow := s.peer.Flow
	s.r.must(s.pe.NS.Do(func() (err error) {
		if s.r.overIP {
			s.conn, err = net.DialIP("ip:115", &net.IPAddr{IP: flow.Local.AsSlice()}, &net.IPAddr{IP: flow.Remote.AsSlice()})
		} else {
			s.conn, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(flow.Local, flow.LocalPort)),
				net.UDPAddrFromAddrPort(netip.AddrPortFrom(flow.Remote, flow.RemotePort)))
		}
		return err
	}))
	conn := s.conn
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := conn.Write([]byte("a word of " + s.pe.Name)); err != nil && strings.Contains(err.Error(), "closed") {
				return
			}
		}
	}()
	go func() {
		buf := make([]byte, 1500)
		for {
			_, err := conn.Read(buf)
			switch {
			case err == nil:
				s.received.Add(1)
			case strings.Contains(err.Error(), "closed"):
				return
			default: // an ICMP error of the other side
				time.Sleep(time.Millisecond)
			}
		}
	}()
}

// passes waits until traffic passes both ways.
func (r *rig) passes() {
	r.Helper()
	before := [2]uint64{r.sides[0].received.Load(), r.sides[1].received.Load()}
	r.wait("traffic to pass both ways", func() (bool, string, error) {
		now := [2]uint64{r.sides[0].received.Load(), r.sides[1].received.Load()}
		return now[0] > before[0]+10 && now[1] > before[1]+10, fmt.Sprint("received ", before, now), nil
	})
}

// stands waits until no more traffic passes.
func (r *rig) stands() {
	r.Helper()
	r.wait("traffic to stand", func() (bool, string, error) {
		before := [2]uint64{r.sides[0].received.Load(), r.sides[1].received.Load()}
		time.Sleep(200 * time.Millisecond)
		now := [2]uint64{r.sides[0].received.Load(), r.sides[1].received.Load()}
		return now == before, fmt.Sprint("received ", before, now), nil
	})
}

// told waits for an event since that many.
func (s *side) told(since int, kind ipsec.EventKind) ipsec.Event {
	s.r.Helper()
	var found ipsec.Event
	s.r.wait(fmt.Sprintf("event %s on %s", kind, s.pe.Name), func() (bool, string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.IndexFunc(s.events[since:], func(e ipsec.Event) bool { return e.Kind == kind })
		if i >= 0 {
			found = s.events[since+i]
		}
		return i >= 0, fmt.Sprintf("%+v", s.events[since:]), nil
	})
	return found
}

// heard is the number of events so far.
func (s *side) heard() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

func (s *side) status() ipsec.Status { return s.guard.Status(s.peer.Name) }

// run runs a program in the side's namespace.
func (s *side) run(name string, args ...string) string {
	s.r.Helper()
	out, err := s.pe.NS.Command(s.r.ctx, name, args...).CombinedOutput()
	if err != nil {
		s.r.Fatalf("%s on %s: %v: %s", exec.Command(name, args...), s.pe.Name, err, out)
	}
	return string(out)
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
