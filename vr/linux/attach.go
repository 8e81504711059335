package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
	"github.com/l2tpvl/l2tpvl/vr"
)

// attachments are the customer interfaces that belong into one router.
type attachments struct {
	wanted []vr.Attachment
	in     *Router         // the router that moved is about
	moved  map[string]bool // by name: moved into the router by the manager, which moves them back
	report func(name string, err error)
}

// movedInto reports whether the manager has moved the interface a into the router r.
func (as *attachments) movedInto(r *Router, a vr.Attachment) bool {
	return as.in == r && as.moved[a.Name]
}

// addresses returns the wanted addresses of an interface.
func (as *attachments) addresses(name string) []netip.Prefix {
	for _, a := range as.wanted {
		if a.Name == name {
			return a.Addresses
		}
	}
	return nil
}

// Attach sets which interfaces of the daemon's own namespace belong into a virtual router. The
// manager moves each into the router, sets it up and adds its addresses, as soon as both the router
// and the interface exist: also when an interface appears later or again, and when the router is
// created again. An interface that is already in the router stays there and gets its addresses.
//
// Interfaces that an earlier call listed and this one does not are moved back into the daemon's
// namespace, down and without the addresses that they were given. Close does so with all.
//
// report is called for each interface that was moved, with nil or the error that prevented it; the
// error wraps os.ErrNotExist for a missing interface. It is not called for an interface that needs
// no change. It may be called from goroutines of the manager, and must neither block nor call the
// manager.
func (m *Manager) Attach(s vr.Spec, wanted []vr.Attachment, report func(name string, err error)) error {
	m.attaching.Lock()
	defer m.attaching.Unlock()
	before := m.attachments[s]
	if before == nil {
		before = &attachments{moved: make(map[string]bool)}
	}
	keep := make(map[string]bool)
	for _, a := range wanted {
		keep[a.Name] = true
	}
	err := m.detach(s, before, keep)
	as := &attachments{wanted: wanted, in: before.in, moved: before.moved, report: report}
	m.attachments[s] = as
	if len(wanted) == 0 {
		return err
	}
	if !m.watchingHome {
		if e := watchLinks(m.home, m.done, m.watched.Go, m.attachChanged, func() {}); e != nil {
			return errors.Join(err, e)
		}
		m.watchingHome = true
	}
	if r := m.router(s); r != nil {
		for _, a := range wanted {
			if old := before.addresses(a.Name); !as.movedInto(r, a) || !slices.Equal(old, a.Addresses) {
				report(a.Name, errors.Join(m.attach(r, as, a), r.removeOldAddresses(a.Name, old, a.Addresses)))
			}
		}
	}
	return err
}

// router returns the open router that s names, or nil.
func (m *Manager) router(s vr.Spec) *Router {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.routers[s]
}

// attachAll moves all interfaces that belong into a router that was just opened.
func (m *Manager) attachAll(r *Router) {
	m.attaching.Lock()
	defer m.attaching.Unlock()
	as := m.attachments[r.spec]
	if as == nil {
		return
	}
	for _, a := range as.wanted {
		if !as.movedInto(r, a) { // else attachChanged was faster
			as.report(a.Name, m.attach(r, as, a))
		}
	}
}

// attachChanged moves an interface that appeared or changed in the daemon's own namespace, if it
// belongs into a router.
func (m *Manager) attachChanged(u netlink.LinkUpdate) {
	if u.Header.Type == unix.RTM_DELLINK {
		return
	}
	m.attaching.Lock()
	defer m.attaching.Unlock()
	for s, as := range m.attachments {
		for _, a := range as.wanted {
			if a.Name != u.Attrs().Name {
				continue
			}
			r := m.router(s)
			if r == nil {
				continue
			}
			// The update may be older than the manager's last change: look at the present state.
			if link, err := m.vrfs.find(a.Name); err != nil || r.place.vrf != 0 && r.place.vrf == link.Attrs().MasterIndex {
				continue
			}
			err := m.attach(r, as, a)
			if id, e := m.kind(s).stat(s); err != nil && (e != nil || id != r.place.id) {
				continue // the router is being deleted, which removes interfaces from a VRF
			}
			as.report(a.Name, err)
		}
	}
}

// attach moves an interface into a router unless it is already there, adds its addresses and sets
// it up.
func (m *Manager) attach(r *Router, as *attachments, a vr.Attachment) error {
	if as.in != r {
		as.in = r
		clear(as.moved) // it was about an earlier router, which was deleted
	}
	link, err := m.vrfs.find(a.Name)
	switch {
	case errors.Is(err, os.ErrNotExist) && r.place.vrf == 0: // it may be in the router's namespace
	case err != nil:
		return err
	case r.place.vrf == 0 || r.place.vrf != link.Attrs().MasterIndex:
		if err := r.moveIn(m.vrfs.kernel, link); err != nil {
			return fmt.Errorf("move into %s: %w", r.spec, err)
		}
		as.moved[a.Name] = true
	}
	return r.Do(func() error {
		link, err := netlink.LinkByName(a.Name)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			return os.ErrNotExist
		}
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set up: %w", err)
		}
		for _, p := range a.Addresses {
			if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ipNet(p)}); err != nil {
				return fmt.Errorf("add address %s: %w", p, err)
			}
		}
		return nil
	})
}

// moveIn moves an interface of the daemon's own namespace into the router.
func (r *Router) moveIn(home *netlink.Handle, link netlink.Link) error {
	if vrf := r.place.vrf; vrf != 0 {
		return home.LinkSetMasterByIndex(link, vrf)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.released {
		return fmt.Errorf("%s: %w", r.spec, os.ErrClosed)
	}
	return home.LinkSetNsFd(link, int(r.place.namespace))
}

// detach moves the interfaces that the manager moved into a router back into the daemon's own
// namespace, except those in keep. They are down there and without the customer's addresses, so
// that the host routes none of the customer's packets.
func (m *Manager) detach(s vr.Spec, as *attachments, keep map[string]bool) error {
	r := m.router(s)
	var err error
	for _, a := range as.wanted {
		if keep[a.Name] || !as.moved[a.Name] {
			continue
		}
		delete(as.moved, a.Name)
		if r == nil {
			continue // the router was deleted; the kernel moved or deleted its interfaces
		}
		if e := r.Do(func() error { return r.moveOut(m.home, a) }); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("move interface %s back to the host: %w", a.Name, e))
		}
	}
	return err
}

// detachAll moves all interfaces back for good.
func (m *Manager) detachAll() error {
	m.attaching.Lock()
	defer m.attaching.Unlock()
	var err error
	for s, as := range m.attachments {
		delete(m.attachments, s)
		err = errors.Join(err, m.detach(s, as, nil))
	}
	return err
}

// moveOut moves an interface out of the router. The calling thread is in the router's namespace.
func (r *Router) moveOut(home netns.Handle, a vr.Attachment) error {
	link, err := netlink.LinkByName(a.Name)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return os.ErrNotExist
	}
	if err != nil {
		return err
	}
	if err := netlink.LinkSetDown(link); err != nil {
		return err
	}
	if r.place.vrf == 0 {
		return netlink.LinkSetNsFd(link, int(home)) // the kernel removes its addresses
	}
	if err := removeAddresses(link, a.Addresses); err != nil {
		return err
	}
	return netlink.LinkSetNoMaster(link)
}

// removeOldAddresses removes the addresses in old that are not in keep from an interface.
func (r *Router) removeOldAddresses(name string, old, keep []netip.Prefix) error {
	old = slices.DeleteFunc(slices.Clone(old), func(p netip.Prefix) bool { return slices.Contains(keep, p) })
	if len(old) == 0 {
		return nil
	}
	return r.Do(func() error {
		link, err := netlink.LinkByName(name)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			return nil
		}
		if err != nil {
			return err
		}
		return removeAddresses(link, old)
	})
}

// removeAddresses removes addresses from an interface; it ignores missing ones.
func removeAddresses(link netlink.Link, addresses []netip.Prefix) error {
	for _, p := range addresses {
		if err := netlink.AddrDel(link, &netlink.Addr{IPNet: ipNet(p)}); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove address %s: %w", p, err)
		}
	}
	return nil
}
