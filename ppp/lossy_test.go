package ppp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// wire connects two Links. It loses, duplicates, delays and, with reorder, reorders frames until
// healedAt. Then it only delays them.
type wire struct {
	t           *testing.T
	rand        *rand.Rand
	now         time.Time
	healedAt    time.Time
	loss        float64
	duplication float64
	delay       time.Duration // largest random delay of a frame, in addition to least
	least       time.Duration // smallest delay
	reorder     bool
	ends        [2]end
	inFlight    []frameInFlight
}

type end struct {
	link        *Link
	out         Output
	last        map[string]Event // last event by subject: LCP, IPv4, IPv6, link
	lastArrival time.Time        // when the last frame that it has sent arrives
}

type frameInFlight struct {
	at    time.Time
	to    int
	frame []byte
}

func newWire(t *testing.T, seed uint64, reorder bool, a, b Config) *wire {
	w := &wire{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: epoch, reorder: reorder, least: time.Millisecond}
	w.healedAt = epoch.Add(15 * time.Second) // ten Configure-Requests last for 21.75 s
	w.loss, w.duplication = 0.4*w.rand.Float64(), 0.3*w.rand.Float64()
	w.delay = time.Duration(1+w.rand.IntN(4000)) * time.Millisecond
	for i, cfg := range []Config{a, b} {
		cfg.Rand = w.rand.Uint32
		w.ends[i] = end{link: New(cfg), last: map[string]Event{}}
	}
	for i := range w.ends {
		w.ends[i].link.Up(w.now, &w.ends[i].out)
		w.drain(i)
	}
	return w
}

// drain sends the frames of an end and records its events.
func (w *wire) drain(i int) {
	e := &w.ends[i]
	for f := range e.out.Frames() {
		copies := 1
		healed := !w.now.Before(w.healedAt)
		if !healed && w.rand.Float64() < w.loss {
			copies = 0
		} else if !healed && w.rand.Float64() < w.duplication {
			copies = 2
		}
		for range copies {
			at := w.now.Add(w.least)
			if !healed {
				at = at.Add(time.Duration(w.rand.Int64N(int64(w.delay))))
			}
			if !w.reorder && at.Before(e.lastArrival) {
				at = e.lastArrival
			}
			e.lastArrival = at
			w.inFlight = append(w.inFlight, frameInFlight{at, 1 - i, bytes.Clone(f)})
		}
	}
	for _, ev := range e.out.Events {
		switch ev.(type) {
		case LCPOpened, LCPClosed:
			e.last["LCP"] = ev
		case IPv4Opened, IPv4Closed:
			e.last["IPv4"] = ev
		case IPv6Opened, IPv6Closed:
			e.last["IPv6"] = ev
		case LinkFailed:
			e.last["link"] = ev
		}
	}
	e.out.Reset()
}

// run lets time pass, from one frame or deadline to the next.
func (w *wire) run(until time.Time) {
	for steps := 0; ; steps++ {
		if steps > 20000 {
			w.t.Fatal("more than 20000 steps: the Links do not become quiet")
		}
		slices.SortStableFunc(w.inFlight, func(a, b frameInFlight) int { return a.at.Compare(b.at) })
		next := until
		if len(w.inFlight) > 0 && w.inFlight[0].at.Before(next) {
			next = w.inFlight[0].at
		}
		for i := range w.ends {
			if d := w.ends[i].link.Deadline(); !d.IsZero() && d.Before(next) {
				next = d
			}
		}
		w.now = next
		if !next.Before(until) {
			return
		}
		for i := range w.ends {
			w.ends[i].link.Advance(w.now, &w.ends[i].out)
			w.drain(i)
		}
		for len(w.inFlight) > 0 && !w.inFlight[0].at.After(w.now) {
			f := w.inFlight[0]
			w.inFlight = w.inFlight[1:]
			w.ends[f.to].link.Receive(w.now, f.frame, &w.ends[f.to].out)
			w.drain(f.to)
		}
	}
}

func (w *wire) describe() string {
	return fmt.Sprintf("%+v %v\n%+v %v", w.ends[0].link.Status(), w.ends[0].last, w.ends[1].link.Status(), w.ends[1].last)
}

var (
	addrA = netip.MustParseAddr("10.255.0.0")
	addrB = netip.MustParseAddr("10.255.0.1")
)

// Two ends with compatible configurations reach Opened and agree on the addresses, after frames
// were lost, duplicated and delayed for 15 s. If an end changes its request during the negotiation,
// the wire must keep the order of frames, as RFC 1661, section 1, assumes: a late old request
// cannot be distinguished from a new one.
func TestTwoLinksOverALossyLink(t *testing.T) {
	none := netip.Addr{}
	pairs := []struct {
		name         string
		a, b         IPv4Config
		idA, idB     uint64
		wantA, wantB netip.Addr
		reorder      bool
	}{
		{"both configured", IPv4Config{Local: addrA}, IPv4Config{Local: addrB}, 0, 0, addrA, addrB, true},
		{"one unnumbered", IPv4Config{Local: addrA}, IPv4Config{Mode: Unnumbered}, 1, 2, addrA, none, true},
		{"one learns its address", IPv4Config{Local: addrA, Peer: addrB}, IPv4Config{Mode: Learned}, 1, 2, addrA, addrB, false},
		{"same identifiers", IPv4Config{Mode: Unnumbered}, IPv4Config{Mode: Unnumbered}, 9, 9, none, none, false},
	}
	runs, reopened := 0, 0
	for seed := range uint64(4000) {
		p := pairs[seed%uint64(len(pairs))]
		a := Config{IPv4: &p.a, IPv6: &IPv6Config{p.idA}, MRU: 1400}
		b := Config{IPv4: &p.b, IPv6: &IPv6Config{p.idB}, EchoInterval: time.Second, EchoFails: 1000}
		w := newWire(t, seed, p.reorder, a, b)
		w.run(w.healedAt.Add(time.Minute))
		runs++
		sa, sb := w.ends[0].link.Status(), w.ends[1].link.Status()
		if sa.LCPReason != "" {
			reopened++
		}
		for _, s := range []Status{sa, sb} {
			if s.LCP != Opened || s.IPCP != Opened || s.IPV6CP != Opened {
				t.Fatalf("seed %d, %s: not Opened:\n%s", seed, p.name, w.describe())
			}
		}
		switch {
		case sb.PeerMRU != 1400 || sa.PeerMRU != 1500:
			t.Fatalf("seed %d, %s: the MRUs differ:\n%s", seed, p.name, w.describe())
		case sa.LocalIPv4 != p.wantA || sb.PeerIPv4 != p.wantA || sb.LocalIPv4 != p.wantB || sa.PeerIPv4 != p.wantB:
			t.Fatalf("seed %d, %s: the addresses differ:\n%s", seed, p.name, w.describe())
		case sa.LocalID != sb.PeerID || sa.PeerID != sb.LocalID || sa.LocalID == sa.PeerID || sa.LocalID == 0:
			t.Fatalf("seed %d, %s: the identifiers differ:\n%s", seed, p.name, w.describe())
		}
		for i := range w.ends {
			for what, ev := range w.ends[i].last {
				switch ev.(type) {
				case LCPClosed, IPv4Closed, IPv6Closed:
					t.Fatalf("seed %d, %s: the last event of %s is %v", seed, p.name, what, describeEvent(ev))
				}
			}
		}
	}
	if reopened == 0 || reopened == runs {
		t.Errorf("%d of %d runs renegotiated: the test must cover runs with and without renegotiation", reopened, runs)
	}
	t.Logf("%d runs, %d with a renegotiation", runs, reopened)
}

// pairOfSecrets returns configurations of CHAP in both directions, for pe1 and pe2.
func pairOfSecrets() (a, b *AuthConfig) {
	a = mutual().Auth
	b = &AuthConfig{
		Require: ProtocolCHAP, Allow: []Protocol{ProtocolCHAP},
		Name: a.PeerName, Secret: a.PeerSecret, PeerName: a.Name, PeerSecret: a.Secret,
	}
	return a, b
}

// Over a wire that loses, duplicates and delays frames, ends with matching names and secrets open,
// with repeated challenges. Ends whose names, secrets or protocols do not match never open IPv4.
func TestAuthenticationOverALossyLink(t *testing.T) {
	for seed := range uint64(3000) {
		authA, authB := pairOfSecrets()
		authA.Rechallenge = 7 * time.Second
		wrong := false
		switch seed % 6 {
		case 1: // in one direction
			authB.Require = 0
		case 2:
			authA.Require, authA.Rechallenge, authB.Require = ProtocolPAP, 0, ProtocolPAP
			authA.Allow, authB.Allow = []Protocol{ProtocolPAP}, []Protocol{ProtocolPAP}
		case 3:
			authB.Secret, wrong = Secret("another"), true
		case 4:
			authA.PeerName, wrong = "pe3", true
		case 5: // both require it, and one does not allow it
			authB.Allow, wrong = nil, true
		}
		a := Config{Auth: authA, IPv4: &IPv4Config{Local: addrA}}
		b := Config{Auth: authB, IPv4: &IPv4Config{Local: addrB}}
		w := newWire(t, seed, false, a, b)
		w.run(w.healedAt.Add(2 * time.Minute))
		for i := range w.ends {
			e := &w.ends[i]
			s := e.link.Status()
			_, reported := e.last["IPv4"]
			failed, _ := e.last["link"].(LinkFailed)
			switch {
			case wrong && (reported || s.LCPReason == "" || failed.Reason == ""):
				t.Fatalf("seed %d: IPv4 opened, or no reason:\n%s", seed, w.describe())
			case wrong:
			case failed.Reason != "" || s.IPCP != Opened || s.PeerAuth.State == AuthFailed || s.LocalAuth.State == AuthFailed:
				t.Fatalf("seed %d: not opened:\n%s", seed, w.describe())
			}
			auth := []*AuthConfig{authA, authB}[i]
			if s.IPCP == Opened && auth.Require != 0 && (s.PeerAuth.State != AuthPassed || s.PeerAuth.Name != auth.PeerName) {
				t.Fatalf("seed %d: opened without authentication:\n%s", seed, w.describe())
			}
		}
	}
}

// If two ends cannot agree on IPv4 addresses, IPv4 fails at both with a reason, and no timer
// remains. IPv6 opens nevertheless.
func TestIncompatibleLinks(t *testing.T) {
	other := netip.MustParseAddr("10.9.9.9")
	pairs := []struct {
		name string
		a, b IPv4Config
	}{
		{"the same address", IPv4Config{Local: addrA}, IPv4Config{Local: addrA}},
		{"another address is required", IPv4Config{Local: addrA, Peer: other}, IPv4Config{Local: addrB}},
		{"an address is required, the peer has none", IPv4Config{Local: addrA, Peer: addrB}, IPv4Config{Mode: Unnumbered}},
		{"both learn", IPv4Config{Mode: Learned}, IPv4Config{Mode: Learned}},
		{"each requires another address of its peer", IPv4Config{Local: addrA, Peer: other}, IPv4Config{Local: addrB, Peer: other}},
	}
	for seed := range uint64(2000) {
		p := pairs[seed%uint64(len(pairs))]
		w := newWire(t, seed, false, Config{IPv4: &p.a, IPv6: &IPv6Config{}}, Config{IPv4: &p.b, IPv6: &IPv6Config{}})
		w.run(w.healedAt.Add(3 * time.Minute))
		for i := range w.ends {
			e := &w.ends[i]
			s := e.link.Status()
			closed, _ := e.last["IPv4"].(IPv4Closed)
			if s.LCP != Opened || s.IPCP == Opened || s.IPV6CP != Opened || closed.Reason == "" || s.IPv4Reason == "" {
				t.Fatalf("seed %d, %s:\n%s", seed, p.name, w.describe())
			}
			if d := e.link.Deadline(); !d.IsZero() {
				t.Fatalf("seed %d, %s: still negotiating, deadline %v:\n%s", seed, p.name, d, w.describe())
			}
		}
	}
}
