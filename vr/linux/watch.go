package linux

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/netns"
)

// watchLinks calls changed for each interface of the namespace, and then for each that is created,
// changes or is deleted, until done is closed. When notifications of the kernel were lost, it calls
// lost and starts again with all interfaces. All calls are from one goroutine, which start starts.
func watchLinks(ns netns.Handle, done <-chan struct{}, start func(func()), changed func(netlink.LinkUpdate), lost func()) error {
	updates, cancel, err := subscribe(ns)
	if err != nil {
		return fmt.Errorf("watch interfaces for changes: %w", err)
	}
	start(func() {
		for {
			if deliver(updates, done, cancel, changed) {
				return
			}
			if updates, cancel, err = subscribe(ns); err != nil {
				return // out of file descriptors: links notice changes by themselves
			}
			lost()
		}
	})
	return nil
}

// deliver calls changed with each update until updates is closed or done is. It reports whether
// done was closed.
func deliver(updates <-chan netlink.LinkUpdate, done <-chan struct{}, cancel func(), changed func(netlink.LinkUpdate)) (over bool) {
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

// subscribe requests all interfaces of the namespace from the kernel, and notifications of their
// changes. The channel is closed after cancel, or when notifications were lost.
func subscribe(ns netns.Handle) (updates <-chan netlink.LinkUpdate, cancel func(), err error) {
	to, stop := make(chan netlink.LinkUpdate), make(chan struct{})
	cancel = func() { close(stop) }
	err = netlink.LinkSubscribeWithOptions(to, stop, netlink.LinkSubscribeOptions{
		Namespace: &ns, ListExisting: true,
		ErrorCallback:     func(error) {}, // the channel is closed then
		ReceiveBufferSize: receiveBuffer, ReceiveBufferForceSize: true,
	})
	if err != nil {
		cancel()
	}
	return to, cancel, err
}

// receiveBuffer is the size, in octets, of the buffer for notifications that are not yet read:
// enough for thousands of links at once.
const receiveBuffer = 4 << 20

// linkState is an interface and whether it is set up.
type linkState struct {
	name string
	up   bool
}

// linkStates are the known interfaces by their indices.
type linkStates map[int32]linkState

// update records a change of an interface. It reports whether the interface is set up, and whether
// that changed or the interface is new.
func (s linkStates) update(u netlink.LinkUpdate) (up, switched bool) {
	if u.Header.Type == unix.RTM_DELLINK {
		delete(s, u.Index)
		return false, false
	}
	up = u.Flags&unix.IFF_UP != 0
	before, known := s[u.Index]
	s[u.Index] = linkState{u.Attrs().Name, up}
	return up, !known || up != before.up
}
