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

// l2tpNetlink is a generic netlink socket to the kernel's L2TP. It is safe for concurrent use.
type l2tpNetlink struct {
	conn   *genetlink.Conn
	family uint16
}

// openL2TP opens a socket for the L2TP of the calling thread's network namespace.
func openL2TP() (*l2tpNetlink, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("open generic netlink socket: %w", err)
	}
	family, err := conn.GetFamily(uapi.FamilyL2TP)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("the kernel has no L2TP (no generic netlink family %s: load l2tp_netlink)", uapi.FamilyL2TP)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &l2tpNetlink{conn: conn, family: family.ID}, nil
}

func (l *l2tpNetlink) close() error { return l.conn.Close() }

// do has the kernel carry out a command.
func (l *l2tpNetlink) do(command genetlink.Message, err error) error {
	if err != nil {
		return err
	}
	_, err = l.conn.Execute(command, l.family, netlink.Request|netlink.Acknowledge)
	return err
}

// stats are the counts of a session; the error wraps ENODEV if there is none.
func (l *l2tpNetlink) stats(of uapi.Session) (uapi.Stats, error) {
	question, err := of.Get()
	if err != nil {
		return uapi.Stats{}, err
	}
	answers, err := l.conn.Execute(question, l.family, netlink.Request)
	if err != nil {
		return uapi.Stats{}, err
	}
	if len(answers) != 1 {
		return uapi.Stats{}, fmt.Errorf("L2TP session: %d answers of the kernel, want 1", len(answers))
	}
	return uapi.ParseStats(answers[0].Data)
}

// patience is the time after which persist gives up.
const patience = 10 * time.Second

var pauses = timing.Backoff{Min: 2 * time.Millisecond, Max: 50 * time.Millisecond}

// persist runs f again and again while it fails with that error, until patience is lost or the
// tunnel is closed.
func (t *tunnel) persist(while unix.Errno, f func() error) error {
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
