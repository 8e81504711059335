// Package guard protects flows: it puts the floor and the key manager together.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// Options say how to protect.
type Options struct {
	Socket string            // charon's VICI socket; empty: strongswan.DefaultSocket
	Events func(ipsec.Event) // is called for each event, one after another, and must not block for long; nil: nobody listens
}

// Guard is an ipsec.Guard with strongSwan as the key manager.
type Guard struct {
	options Options
	parts   parts
	begun   sync.Once

	floor   rules
	manager keyManager
	missing []error // what the kernel lacks; then there is neither floor nor manager

	telling sync.Mutex
}

var _ ipsec.Guard = (*Guard)(nil)

// New makes a guard. It touches nothing before the first Protect: who does not use IPsec has no
// modules loaded for it. Where the kernel lacks something, Protect will say so.
func New(o Options) *Guard { return &Guard{options: o, parts: realParts} }

// begin finds out what there is, in the network namespace of the calling thread. It may have the
// kernel load modules, which takes its time.
func (g *Guard) begin() { g.begun.Do(g.start) }

func (g *Guard) start() {
	if err := g.parts.probe(); err != nil {
		g.missing = append(g.missing, err)
	}
	var err error
	if g.floor, err = g.parts.openFloor(g.floorChanged); err != nil {
		g.missing = append(g.missing, err)
	}
	if len(g.missing) == 0 {
		if g.manager, err = g.parts.openManager(g.options.Socket, g.event); err != nil {
			g.missing = append(g.missing, err)
		}
	}
}

func (g *Guard) floorChanged(stands bool, why string) {
	kind := ipsec.FloorLost
	if stands {
		kind = ipsec.FloorRestored
	}
	g.event(ipsec.Event{Kind: kind, Text: why})
}

func (g *Guard) event(e ipsec.Event) {
	if g.options.Events == nil {
		return
	}
	g.telling.Lock()
	defer g.telling.Unlock()
	g.options.Events(e)
}

// Protect implements ipsec.Guard.
func (g *Guard) Protect(p ipsec.Peer) error {
	g.begin()
	if len(g.missing) > 0 {
		return errors.Join(g.missing...)
	}
	if !p.Flow.Remote.IsValid() || (p.Flow.LocalPort == 0) != (p.Flow.RemotePort == 0) {
		return fmt.Errorf("%s: want the peer's address, and two ports or none", p.Name)
	}
	if err := g.floor.Put(p.Name, p.Flow); err != nil {
		return err
	}
	return g.manager.Set(p)
}

// Release implements ipsec.Guard.
func (g *Guard) Release(name string) error {
	g.begin()
	if len(g.missing) > 0 {
		return nil // nothing was protected
	}
	g.manager.Remove(name)
	return g.floor.Take(name)
}

// Reconnect implements ipsec.Guard.
func (g *Guard) Reconnect(name string) error {
	g.begin()
	if len(g.missing) > 0 {
		return errors.Join(g.missing...)
	}
	return g.manager.Reconnect(name)
}

// Tidy implements ipsec.Guard. An earlier run that has protected something has left at least the
// floor.
func (g *Guard) Tidy(names []string) error {
	if left, err := g.parts.floorLeft(); err != nil || !left {
		return nil // a kernel that has no floors has none left
	}
	g.begin()
	if g.floor == nil {
		return nil
	}
	if ours, err := g.floor.Claim(); err != nil || !ours { // another daemon's, which runs
		return err
	}
	if g.manager != nil {
		g.manager.Tidy(names)
	}
	if slices.ContainsFunc(names, func(name string) bool { return !g.floor.Standing(name) }) {
		return nil // what is left of the floor may be what they have as yet
	}
	return g.floor.Tidy()
}

// Status implements ipsec.Guard.
func (g *Guard) Status(name string) ipsec.Status {
	g.begin()
	var s ipsec.Status
	for _, err := range g.missing {
		s.Missing = append(s.Missing, err.Error())
	}
	if len(g.missing) > 0 {
		return s
	}
	s.Floor = g.floor.Standing(name)
	s.DroppedOut, s.DroppedIn = g.floor.Drops(name)
	g.manager.Status(name, &s)
	if s.Manager == "" {
		s.Missing = append(s.Missing, fmt.Sprintf("strongSwan does not run (%s): apt install charon-systemd strongswan-swanctl "+
			"libstrongswan-standard-plugins; systemctl enable --now strongswan", cmp.Or(s.ManagerError, "not asked yet")))
	}
	return s
}

// Close implements ipsec.Guard.
func (g *Guard) Close() error {
	g.begun.Do(func() { g.missing = append(g.missing, errors.New("the guard is closed")) })
	var err error
	if g.manager != nil {
		err = g.manager.Close()
	}
	if g.floor != nil {
		err = errors.Join(err, g.floor.Close())
	}
	return err
}
