package guard

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/l2tpvl/l2tpvl/integration/lab"
	"github.com/l2tpvl/l2tpvl/integration/lab/labtest"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/ipsec/guard"
)

// side is one of the two routers. The first starts the IKE SA. Its End is the traffic on the flow.
type side struct {
	*labtest.End
	r      *rig
	pe     *lab.PE
	charon *lab.Charon
	guard  *guard.Guard
	peer   ipsec.Peer // what it protects

	mu     sync.Mutex
	events []ipsec.Event
}

func newSide(r *rig, pe *lab.PE, charon *lab.Charon) *side {
	s := &side{
		r: r, pe: pe, charon: charon,
		End: &labtest.End{Text: "a packet of " + pe.Name, Interval: 5 * time.Millisecond},
	}
	s.newGuard()
	return s
}

func (s *side) newGuard() {
	s.r.Must(s.pe.NS.Do(func() error {
		s.guard = guard.New(guard.Options{Socket: s.charon.Socket, Events: func(e ipsec.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		}})
		return nil
	}))
}

// finish ends the traffic and closes the guard. After a failure it shows the guard's status and
// events before.
func (s *side) finish() {
	s.Stop()
	if s.r.Failed() {
		s.mu.Lock()
		s.r.Logf("%s: status %s\nevents %+v", s.pe.Name, labtest.AsJSON(s.status()), s.events)
		s.mu.Unlock()
	}
	if err := s.guard.Close(); err != nil {
		s.r.Error(err)
	}
}

// protect calls the guard's Protect in the router's namespace.
func (s *side) protect(p ipsec.Peer) error {
	return s.pe.NS.Do(func() error { return s.guard.Protect(p) })
}

// tidy calls the guard's Tidy in the router's namespace.
func (s *side) tidy() error {
	return s.pe.NS.Do(func() error { return s.guard.Tidy([]string{s.peer.Name}) })
}

func (s *side) status() ipsec.Status { return s.guard.Status(s.peer.Name) }

// connection is the name of the peer's connection in strongSwan.
func (s *side) connection() string { return "l2tpvl-" + s.peer.Name }

// waitOnePair waits until there is one pair of security associations, and strongSwan has the
// configuration. It returns the SPI of received packets.
func (s *side) waitOnePair() (spi string) {
	s.r.Helper()
	s.r.Wait("one pair of security associations on "+s.pe.Name, func() (bool, string, error) {
		status := s.status()
		connections, err := s.charon.Connections()
		if len(status.Children) > 0 {
			spi = status.Children[0].LocalSPI
		}
		return len(status.Children) == 1 && status.Up() && slices.Contains(connections, s.connection()), labtest.AsJSON(status), err
	})
	return spi
}

// startTraffic opens a socket for the flow and sends a packet every 5 ms until Stop.
func (s *side) startTraffic() {
	s.r.Helper()
	flow := s.peer.Flow
	var conn net.Conn
	s.r.Must(s.pe.NS.Do(func() (err error) {
		if s.r.overIP {
			conn, err = net.DialIP("ip:115", &net.IPAddr{IP: flow.Local.AsSlice()}, &net.IPAddr{IP: flow.Remote.AsSlice()})
		} else {
			conn, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(flow.Local, flow.LocalPort)),
				net.UDPAddrFromAddrPort(netip.AddrPortFrom(flow.Remote, flow.RemotePort)))
		}
		return err
	}))
	s.Start(conn)
}

// eventCount is the number of events so far.
func (s *side) eventCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// waitEvent waits for an event of that kind after the first events, since of them.
func (s *side) waitEvent(since int, kind ipsec.EventKind) ipsec.Event {
	s.r.Helper()
	var found ipsec.Event
	s.r.Wait(fmt.Sprintf("event %s on %s", kind, s.pe.Name), func() (bool, string, error) {
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

// run runs a program in the router's namespace and returns its output.
func (s *side) run(name string, args ...string) string {
	s.r.Helper()
	return s.r.Run(s.pe.NS, name, args...)
}
