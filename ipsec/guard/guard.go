// Package guard protects flows: it puts the floor and the key manager together.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"sync"

	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/ipsec/floor"
	"github.com/l2tpvl/l2tpvl/ipsec/strongswan"
)

// Options say how to protect.
type Options struct {
	Socket string            // charon's VICI socket; empty: strongswan.DefaultSocket
	Events func(ipsec.Event) // is called for each event, one after another, and must not block for long; nil: nobody listens
}

// Guard is an ipsec.Guard with strongSwan as the key manager.
type Guard struct {
	floor   *floor.Floor
	manager *strongswan.Manager
	missing []error // what the kernel lacks; then there is neither floor nor manager

	telling sync.Mutex
	tell    func(ipsec.Event)
}

var _ ipsec.Guard = (*Guard)(nil)

// New makes a guard for the network namespace of the calling thread. It touches nothing before the first Protect. Where the
// kernel lacks something, Protect will say so.
func New(o Options) *Guard {
	g := &Guard{tell: o.Events}
	if err := probeESP(); err != nil {
		g.missing = append(g.missing, err)
	}
	var err error
	if g.floor, err = floor.New(func(why string) { g.event(ipsec.Event{Kind: ipsec.FloorRestored, Text: why}) }); err != nil {
		g.missing = append(g.missing, err)
	}
	if len(g.missing) == 0 {
		if g.manager, err = strongswan.New(o.Socket, g.event); err != nil {
			g.missing = append(g.missing, err)
		}
	}
	return g
}

func (g *Guard) event(e ipsec.Event) {
	if g.tell == nil {
		return
	}
	g.telling.Lock()
	defer g.telling.Unlock()
	g.tell(e)
}

// Protect implements ipsec.Guard.
func (g *Guard) Protect(p ipsec.Peer) error {
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
	if len(g.missing) > 0 {
		return nil // nothing was protected
	}
	g.manager.Remove(name)
	return g.floor.Take(name)
}

// Reconnect implements ipsec.Guard.
func (g *Guard) Reconnect(name string) error {
	if len(g.missing) > 0 {
		return errors.Join(g.missing...)
	}
	return g.manager.Reconnect(name)
}

// Tidy implements ipsec.Guard.
func (g *Guard) Tidy() error {
	if g.manager != nil {
		g.manager.Tidy()
	}
	if g.floor == nil {
		return nil
	}
	return g.floor.Tidy()
}

// Status implements ipsec.Guard.
func (g *Guard) Status(name string) ipsec.Status {
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
	var err error
	if g.manager != nil {
		err = g.manager.Close()
	}
	if g.floor != nil {
		err = errors.Join(err, g.floor.Close())
	}
	return err
}
