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

// attachments are the interfaces that belong into one router.
type attachments struct {
	wanted []vr.Attachment
	in     *Router         // that they were put into
	taken  map[string]bool // by name: those that we have put there, and so give back
	told   func(name string, err error)
}

// has reports whether we have put an interface into that router.
func (of *attachments) has(r *Router, a vr.Attachment) bool { return of.in == r && of.taken[a.Name] }

// wants are the addresses that an interface is to have.
func (of *attachments) wants(name string) []netip.Prefix {
	for _, a := range of.wanted {
		if a.Name == name {
			return a.Addresses
		}
	}
	return nil
}

// Attach has these interfaces of the daemon's own namespace be in the virtual router, set up and
// with their addresses, now or as soon as both the router and the interface are there; so also an
// interface that comes later or comes back, and a router that is made anew. One that is in the
// router already is taken as it is. Those that an earlier call named, and this one does not, are
// given back, as all are by Close: down, and without the addresses that they were given.
//
// told hears of each interface that was put there, and why one could not be; the error wraps
// os.ErrNotExist for one that is not there. It is not told of one that is where it was. It may be
// called from goroutines of the manager, and must neither block nor call it.
func (m *Manager) Attach(s vr.Spec, wanted []vr.Attachment, told func(name string, err error)) error {
	m.attaching.Lock()
	defer m.attaching.Unlock()
	before := m.attachments[s]
	if before == nil {
		before = &attachments{taken: make(map[string]bool)}
	}
	keep := make(map[string]bool)
	for _, a := range wanted {
		keep[a.Name] = true
	}
	err := m.giveBack(s, before, keep)
	of := &attachments{wanted: wanted, in: before.in, taken: before.taken, told: told}
	m.attachments[s] = of
	if len(wanted) == 0 {
		return err
	}
	if !m.watchingHome {
		if e := watchLinks(m.home, m.done, m.watched.Go, m.arrived, func() {}); e != nil {
			return errors.Join(err, e)
		}
		m.watchingHome = true
	}
	if r := m.router(s); r != nil {
		for _, a := range wanted {
			if was := before.wants(a.Name); !of.has(r, a) || !slices.Equal(was, a.Addresses) {
				told(a.Name, errors.Join(m.attach(r, of, a), r.strip(a.Name, was, a.Addresses)))
			}
		}
	}
	return err
}

// router is the router of that Spec, if it is held.
func (m *Manager) router(s vr.Spec) *Router {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.routers[s]
}

// attachTo puts all interfaces that belong into a new router there.
func (m *Manager) attachTo(r *Router) {
	m.attaching.Lock()
	defer m.attaching.Unlock()
	of := m.attachments[r.spec]
	if of == nil {
		return
	}
	for _, a := range of.wanted {
		if !of.has(r, a) { // else it has arrived at the same time
			of.told(a.Name, m.attach(r, of, a))
		}
	}
}

// arrived looks whether an interface of the daemon's own namespace belongs into a router.
func (m *Manager) arrived(u netlink.LinkUpdate) {
	if u.Header.Type == unix.RTM_DELLINK {
		return
	}
	m.attaching.Lock()
	defer m.attaching.Unlock()
	for s, of := range m.attachments {
		for _, a := range of.wanted {
			if a.Name != u.Attrs().Name {
				continue
			}
			r := m.router(s)
			if r == nil {
				continue
			}
			// As it is now: the event may be older than what we have done since.
			if link, err := m.vrfs.find(a.Name); err != nil || r.place.vrf != 0 && r.place.vrf == link.Attrs().MasterIndex {
				continue
			}
			err := m.attach(r, of, a)
			if id, e := m.kind(s).stat(s); err != nil && (e != nil || id != r.place.id) {
				continue // the router is going, which is what takes an interface out of a VRF
			}
			of.told(a.Name, err)
		}
	}
}

// attach puts an interface into a router, if it is not there, gives it its addresses and sets it
// up.
func (m *Manager) attach(r *Router, of *attachments, a vr.Attachment) error {
	if of.in != r {
		of.in = r
		clear(of.taken) // what was in another router, which is gone
	}
	link, err := m.vrfs.find(a.Name)
	switch {
	case errors.Is(err, os.ErrNotExist) && r.place.vrf == 0: // it may be inside
	case err != nil:
		return err
	case r.place.vrf == 0 || r.place.vrf != link.Attrs().MasterIndex:
		if err := r.take(m.vrfs.kernel, link); err != nil {
			return fmt.Errorf("put into %s: %w", r.spec, err)
		}
		of.taken[a.Name] = true
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

// take puts an interface of the daemon's own namespace into the router.
func (r *Router) take(home *netlink.Handle, link netlink.Link) error {
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

// giveBack takes the interfaces that we have put into a router out of it, but for those to be kept.
// In the daemon's own namespace they are down, and without the customer's addresses: nothing of his
// is to be routed there.
func (m *Manager) giveBack(s vr.Spec, of *attachments, keep map[string]bool) error {
	r := m.router(s)
	var err error
	for _, a := range of.wanted {
		if keep[a.Name] || !of.taken[a.Name] {
			continue
		}
		delete(of.taken, a.Name)
		if r == nil {
			continue // it is where the kernel puts what was in a namespace that has gone
		}
		if e := r.Do(func() error { return r.expel(m.home, a) }); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("give interface %s back: %w", a.Name, e))
		}
	}
	return err
}

// detachAll gives all interfaces back, for good.
func (m *Manager) detachAll() error {
	m.attaching.Lock()
	defer m.attaching.Unlock()
	var err error
	for s, of := range m.attachments {
		delete(m.attachments, s)
		err = errors.Join(err, m.giveBack(s, of, nil))
	}
	return err
}

// expel takes an interface out of the router, in the namespace of the calling thread.
func (r *Router) expel(home netns.Handle, a vr.Attachment) error {
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
		return netlink.LinkSetNsFd(link, int(home)) // its addresses stay behind
	}
	if err := removeAddresses(link, a.Addresses); err != nil {
		return err
	}
	return netlink.LinkSetNoMaster(link)
}

// strip takes addresses off an interface, but for those to be kept.
func (r *Router) strip(name string, old, keep []netip.Prefix) error {
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

// removeAddresses takes those of the addresses off that are there.
func removeAddresses(link netlink.Link, addresses []netip.Prefix) error {
	for _, p := range addresses {
		if err := netlink.AddrDel(link, &netlink.Addr{IPNet: ipNet(p)}); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove address %s: %w", p, err)
		}
	}
	return nil
}
