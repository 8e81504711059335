package floor

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// watch begins to restore the lasting table whenever somebody else has changed it.
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
		var told time.Time
		for {
			messages, err := watcher.Receive()
			if err != nil && !errors.Is(err, unix.ENOBUFS) { // closed
				return
			}
			changed := err != nil // news were lost
			for _, m := range messages {
				changed = changed || m.Header.PID != ours && concerns(m, lasting)
			}
			if changed { // the news of one change come in parts
				f.restore(time.Since(told) > time.Second)
				told = time.Now()
			}
		}
	})
	return nil
}

// restoreRetry spaces the attempts to restore the floor.
var restoreRetry = timing.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second}

// restore makes the lasting table what it should be. A failure is told, whether or not it is time
// to tell anything.
func (f *Floor) restore(tell bool) {
	const what = "somebody has changed the table inet " + lasting + " of nf_tables"
	wanted, failed := false, false
	done := insist(f.closing, func() (err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		wanted = len(f.flows) > 0
		if wanted {
			err = f.renew()
		}
		return err
	}, func(err error) {
		failed = true
		f.changed(false, what+", and it could not be restored, which is tried again: "+err.Error())
	})
	if done && wanted && (tell || failed) {
		f.changed(true, what+"; it is restored")
	}
}

// insist does something again, with pauses, until it succeeds or closing is closed. It tells the
// first failure.
func insist(closing <-chan struct{}, try func() error, tell func(error)) bool {
	for failures := 0; ; failures++ {
		err := try()
		if err == nil {
			return true
		}
		if failures == 0 {
			tell(err)
		}
		select {
		case <-closing:
			return false
		case <-time.After(restoreRetry.Interval(failures)):
		}
	}
}

// concerns reports whether a message is about that table.
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
		if d.Type() == unix.NFTA_TABLE_NAME { // the first attribute of a message of every kind is the table's name
			return d.String() == table
		}
	}
	return false
}

// portID is how the kernel names the socket as the author of changes.
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
