package linux

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// watchLinks has changed called, from one goroutine, with each interface that the namespace has and
// with each that is made, changes or vanishes, until done is closed. When events were lost it
// begins anew with all there are, after a call of lost. The goroutine is started by goes.
func watchLinks(ns netns.Handle, done <-chan struct{}, goes func(func()), changed func(netlink.LinkUpdate), lost func()) error {
	updates, cancel, err := subscribe(ns)
	if err != nil {
		return fmt.Errorf("watch for changes of interfaces: %w", err)
	}
	goes(func() {
		for {
			if follow(updates, done, cancel, changed) {
				return
			}
			if updates, cancel, err = subscribe(ns); err != nil {
				return // no file descriptor left: links will find out by themselves
			}
			lost()
		}
	})
	return nil
}

// follow calls changed with each update until there are no more. It reports whether done was
// closed.
func follow(updates <-chan netlink.LinkUpdate, done <-chan struct{}, cancel func(), changed func(netlink.LinkUpdate)) (over bool) {
	defer func() {
		cancel()
		for range updates { // so that the sender ends
		}
	}()
	for {
		select {
		case u, ok := <-updates:
			if !ok {
				return false
			}
			changed(u)
		case <-done:
			return true
		}
	}
}

// subscribe asks the kernel for all interfaces of the namespace and for what becomes of them. The
// channel is closed after cancel, or when events were lost.
func subscribe(ns netns.Handle) (updates <-chan netlink.LinkUpdate, cancel func(), err error) {
	to, stop := make(chan netlink.LinkUpdate), make(chan struct{})
	cancel = func() { close(stop) }
	err = netlink.LinkSubscribeWithOptions(to, stop, netlink.LinkSubscribeOptions{
		Namespace: &ns, ListExisting: true,
		ErrorCallback:     func(error) {}, // the channel is closed then
		ReceiveBufferSize: linkEvents, ReceiveBufferForceSize: true,
	})
	if err != nil {
		cancel()
	}
	return to, cancel, err
}

// linkEvents is the room for events of interfaces that wait to be read, in octets: thousands of
// links at once.
const linkEvents = 4 << 20

// interfaceState is an interface, and whether it is set up.
type interfaceState struct {
	name string
	up   bool
}

// switches say which interfaces, by their indices, are set up.
type switches map[int32]interfaceState

// turned takes note of what became of an interface. It reports whether it was set up or down, or
// was not known before.
func (s switches) turned(u netlink.LinkUpdate) (up, turned bool) {
	if u.Header.Type == unix.RTM_DELLINK {
		delete(s, u.Index)
		return false, false
	}
	up = u.Flags&unix.IFF_UP != 0
	before, known := s[u.Index]
	s[u.Index] = interfaceState{u.Attrs().Name, up}
	return up, !known || up != before.up
}
