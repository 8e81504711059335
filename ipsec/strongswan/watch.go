package strongswan

import (
	"errors"
	"net"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Multicast groups of linux/xfrm.h.
const (
	groupSA     = 3 // XFRMNLGRP_SA
	groupPolicy = 4 // XFRMNLGRP_POLICY
)

// xfrmWatcher watches for policies and SAs that are removed from the kernel: by charon, or by
// another process, which charon does not notice.
type xfrmWatcher struct {
	conn    *netlink.Conn
	changed chan struct{} // receives a value after a removal
	ended   chan struct{}
}

func watchXFRM() (*xfrmWatcher, error) {
	conn, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if err != nil {
		return nil, err
	}
	w := &xfrmWatcher{conn: conn, changed: make(chan struct{}, 1), ended: make(chan struct{})}
	for _, group := range []uint32{groupSA, groupPolicy} {
		if err := conn.JoinGroup(group); err != nil {
			conn.Close()
			return nil, err
		}
	}
	go w.run()
	return w, nil
}

func (w *xfrmWatcher) run() {
	defer close(w.ended)
	for {
		messages, err := w.conn.Receive()
		if errors.Is(err, net.ErrClosed) || err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		removed := err != nil
		for _, m := range messages {
			switch m.Header.Type {
			case nl.XFRM_MSG_DELSA, nl.XFRM_MSG_FLUSHSA, nl.XFRM_MSG_DELPOLICY, nl.XFRM_MSG_FLUSHPOLICY:
				removed = true
			}
		}
		if removed {
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}

// Close ends the watcher's goroutine.
func (w *xfrmWatcher) Close() error {
	err := w.conn.Close()
	<-w.ended
	return err
}
