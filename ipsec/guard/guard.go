// Package guard protects flows by IPsec: it joins the floor (package floor) and the key manager
// (package strongswan) to an ipsec.Guard.
//
// The order of the two is its purpose. The floor of a flow is installed before the key manager gets
// the flow's configuration, and removed after the key manager has removed it; so the flow's packets
// leave as ESP or not at all. A [Guard] opens both with the first flow: a router without protected
// links loads no kernel modules and contacts no strongSwan. It does not decide which flows are
// protected, and opens no sockets of them.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/l2tpvl/l2tpvl/ipsec"
)

// Options configure a Guard.
type Options struct {
	Socket string // charon's VICI socket; empty: strongswan.DefaultSocket

	// Events is called for each event, one at a time, and must return soon. It may be nil.
	Events func(ipsec.Event)
}

// Guard is an ipsec.Guard with strongSwan as the key manager.
type Guard struct {
	options Options
	parts   parts
	opening sync.Once

	floor      rules
	keyManager keyManager
	missing    []error // what the host lacks; not empty: nothing can be protected

	notifying sync.Mutex // held while Options.Events runs
}

var _ ipsec.Guard = (*Guard)(nil)

// New makes a guard, and changes nothing outside the process. If the host lacks something, the
// first Protect returns an error that says so.
func New(o Options) *Guard { return &Guard{options: o, parts: realParts} }

// open opens floor and key manager once, in the network namespace of the calling thread. It may
// make the kernel load modules, which takes up to seconds.
func (g *Guard) open() { g.opening.Do(g.openParts) }

func (g *Guard) openParts() {
	if err := g.parts.probe(); err != nil {
		g.missing = append(g.missing, err)
	}
	var err error
	if g.floor, err = g.parts.openFloor(g.floorChanged); err != nil {
		g.missing = append(g.missing, err)
	}
	if len(g.missing) == 0 {
		if g.keyManager, err = g.parts.openKeyManager(g.options.Socket, g.notify); err != nil {
			g.missing = append(g.missing, err)
		}
	}
}

func (g *Guard) floorChanged(restored bool, why string) {
	kind := ipsec.FloorLost
	if restored {
		kind = ipsec.FloorRestored
	}
	g.notify(ipsec.Event{Kind: kind, Text: why})
}

func (g *Guard) notify(e ipsec.Event) {
	if g.options.Events == nil {
		return
	}
	g.notifying.Lock()
	defer g.notifying.Unlock()
	g.options.Events(e)
}

// Protect implements ipsec.Guard.
func (g *Guard) Protect(p ipsec.Peer) error {
	g.open()
	if len(g.missing) > 0 {
		return errors.Join(g.missing...)
	}
	if !p.Flow.Remote.IsValid() || (p.Flow.LocalPort == 0) != (p.Flow.RemotePort == 0) {
		return fmt.Errorf("%s: want the peer's address, and either both UDP ports or none", p.Name)
	}
	if err := g.floor.Install(p.Name, p.Flow); err != nil {
		return err
	}
	return g.keyManager.Set(p)
}

// Release implements ipsec.Guard.
func (g *Guard) Release(name string) error {
	g.open()
	if len(g.missing) > 0 {
		return nil // nothing was protected
	}
	g.keyManager.Remove(name)
	return g.floor.Remove(name)
}

// Reconnect implements ipsec.Guard.
func (g *Guard) Reconnect(name string) error {
	g.open()
	if len(g.missing) > 0 {
		return errors.Join(g.missing...)
	}
	return g.keyManager.Reconnect(name)
}

// Tidy implements ipsec.Guard. An earlier run that has protected a flow has left the floor, if
// anything.
func (g *Guard) Tidy(names []string) error {
	if exists, err := g.parts.floorExists(); err != nil || !exists {
		return nil // a kernel without nf_tables has no floor either
	}
	g.open()
	if g.floor == nil {
		return nil
	}
	if ours, err := g.floor.Claim(); err != nil || !ours { // it belongs to a running daemon
		return err
	}
	if g.keyManager != nil {
		g.keyManager.Tidy(names)
	}
	if slices.ContainsFunc(names, func(name string) bool { return !g.floor.Installed(name) }) {
		return nil // their only rules may be those of the earlier run
	}
	return g.floor.Tidy()
}

// Status implements ipsec.Guard.
func (g *Guard) Status(name string) ipsec.Status {
	g.open()
	var s ipsec.Status
	for _, err := range g.missing {
		s.Missing = append(s.Missing, err.Error())
	}
	if len(g.missing) > 0 {
		return s
	}
	s.Floor = g.floor.Installed(name)
	s.DroppedOut, s.DroppedIn = g.floor.Drops(name)
	g.keyManager.Status(name, &s)
	if s.KeyManager == "" {
		s.Missing = append(s.Missing, fmt.Sprintf("strongSwan does not run (%s): apt install charon-systemd strongswan-swanctl "+
			"libstrongswan-standard-plugins; systemctl enable --now strongswan", cmp.Or(s.KeyManagerError, "not contacted yet")))
	}
	return s
}

// Close implements ipsec.Guard.
func (g *Guard) Close() error {
	g.opening.Do(func() { g.missing = append(g.missing, errors.New("the IPsec guard is closed")) })
	var err error
	if g.keyManager != nil {
		err = g.keyManager.Close()
	}
	if g.floor != nil {
		err = errors.Join(err, g.floor.Close())
	}
	return err
}
