package floor

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// watch starts a goroutine that restores the lasting table whenever another process has changed it.
func (f *Floor) watch() error {
	watcher, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	if err := watcher.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return errors.Join(err, watcher.Close())
	}
	ours, err := portID(f.conn)
	if err != nil {
		return errors.Join(err, watcher.Close())
	}
	f.watcher = watcher
	f.watching.Go(func() {
		var restored time.Time
		for {
			messages, err := watcher.Receive()
			if err != nil && !errors.Is(err, unix.ENOBUFS) { // the socket is closed
				return
			}
			changed := err != nil // notifications were lost
			for _, m := range messages {
				changed = changed || m.Header.PID != ours && concerns(m, lasting)
			}
			if changed { // one change may cause several notifications: report it once
				f.restore(time.Since(restored) > time.Second)
				restored = time.Now()
			}
		}
	})
	return nil
}

// restoreRetry spaces the attempts to restore the floor.
var restoreRetry = timing.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// restore replaces the lasting table by one with the right rules. It reports success if report is
// true, or if it has reported a failure before.
func (f *Floor) restore(report bool) {
	const what = "another process has changed the nftables table inet " + lasting
	wanted, failed := false, false
	done := retry(f.closing, func() (err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		wanted = len(f.flows) > 0
		if wanted {
			err = f.renew()
		}
		return err
	}, func(err error) {
		failed = true
		f.changed(false, what+"; could not restore it, trying again: "+err.Error())
	})
	if done && wanted && (report || failed) {
		f.changed(true, what+"; restored it")
	}
}

// retry calls try, with pauses, until it succeeds or closing is closed. It reports the first
// failure, and returns whether try has succeeded.
func retry(closing <-chan struct{}, try func() error, report func(error)) bool {
	for failures := 0; ; failures++ {
		err := try()
		if err == nil {
			return true
		}
		if failures == 0 {
			report(err)
		}
		select {
		case <-closing:
			return false
		case <-time.After(restoreRetry.Interval(failures)):
		}
	}
}

// concerns reports whether a notification is about that table.
func concerns(m netlink.Message, table string) bool {
	if m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < 4 || m.Data[0] != familyInet ||
		m.Header.Type&0xff == unix.NFT_MSG_NEWGEN {
		return false
	}
	d, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return false
	}
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		// In messages of every kind the attribute of this type is the table's name.
		if d.Type() == unix.NFTA_TABLE_NAME {
			return d.String() == table
		}
	}
	return false
}

// portID returns the netlink port ID of a socket, by which notifications name the author of a
// change.
func portID(conn *netlink.Conn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var id uint32
	var failed error
	err = raw.Control(func(fd uintptr) {
		address, err := unix.Getsockname(int(fd))
		failed = err
		if netlinkAddress, ok := address.(*unix.SockaddrNetlink); ok {
			id = netlinkAddress.Pid
		}
	})
	return id, errors.Join(err, failed)
}
