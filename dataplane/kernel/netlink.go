package kernel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/dataplane/kernel/internal/uapi"
	"github.com/l2tpvl/l2tpvl/internal/timing"
)

// l2tpNetlink is a generic netlink socket to the kernel's L2TP subsystem. It is safe for concurrent
// use.
type l2tpNetlink struct {
	conn   *genetlink.Conn
	family uint16
}

// openL2TP opens a netlink socket for the network namespace of the calling thread.
func openL2TP() (*l2tpNetlink, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("open generic netlink socket: %w", err)
	}
	family, err := conn.GetFamily(uapi.FamilyL2TP)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("the kernel has no L2TP (generic netlink family %s missing: modprobe l2tp_netlink)", uapi.FamilyL2TP)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &l2tpNetlink{conn: conn, family: family.ID}, nil
}

func (l *l2tpNetlink) close() error { return l.conn.Close() }

// do sends a command to the kernel and waits for its result.
func (l *l2tpNetlink) do(command genetlink.Message, err error) error {
	if err != nil {
		return err
	}
	_, err = l.conn.Execute(command, l.family, netlink.Request|netlink.Acknowledge)
	return err
}

// stats returns the counters of a session. The error for an unknown session wraps ENODEV.
func (l *l2tpNetlink) stats(of uapi.Session) (uapi.Stats, error) {
	request, err := of.Get()
	if err != nil {
		return uapi.Stats{}, err
	}
	replies, err := l.conn.Execute(request, l.family, netlink.Request)
	if err != nil {
		return uapi.Stats{}, err
	}
	if len(replies) != 1 {
		return uapi.Stats{}, fmt.Errorf("L2TP session: %d replies from the kernel, want 1", len(replies))
	}
	return uapi.ParseStats(replies[0].Data)
}

// patience is the time after which retryWhile gives up.
const patience = 10 * time.Second

var pauses = timing.Backoff{Min: 2 * time.Millisecond, Max: 50 * time.Millisecond}

// retryWhile repeats f while it fails with an error, for the time of patience at most and until the
// tunnel is closed.
func (t *tunnel) retryWhile(while unix.Errno, f func() error) error {
	spent := time.Duration(0)
	for tries := 0; ; tries++ {
		err := f()
		if !errors.Is(err, while) || spent > patience {
			return err
		}
		pause := pauses.Interval(tries)
		select {
		case <-t.done:
			return net.ErrClosed
		case <-time.After(pause):
			spent += pause
		}
	}
}
