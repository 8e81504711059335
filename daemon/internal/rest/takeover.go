package rest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/daemon/api"
)

// deathWait is for how long somebody may hold the socket of the API, not answer, and not be seen to
// die.
const deathWait = 30 * time.Second

// awaitDeath returns when nobody holds the socket any more, with an error if somebody goes on to,
// or ctx is done. A daemon that was killed may take as long as it needs: the kernel removes its
// interfaces first, thousands of them in minutes, and its socket takes connections until then.
func awaitDeath(ctx context.Context, log *zap.Logger, socket string, wait time.Duration) error {
	told := false
	for deadline := time.Now().Add(wait); ; {
		holder, held := holderOf(socket)
		if !held {
			return nil
		}
		// One that runs answers at once, and is to be told of even to who has given up.
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_, err := api.NewClient(socket).Status(asking)
		cancel()
		switch {
		case err == nil || errors.As(err, new(*api.StatusError)):
			return fmt.Errorf("api.socket %s: another l2tpvld is running and answers there; stop it, or give this one a socket of its own", socket)
		case isDying(holder):
			deadline = time.Now().Add(wait)
			if !told {
				told = true
				log.Info("waiting for a killed daemon to be gone: the kernel is removing its interfaces", zap.Int("pid", holder))
			}
		case time.Now().After(deadline):
			return fmt.Errorf("api.socket %s: somebody holds it and does not answer; end that process, or give this one a socket of its own", socket)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("api.socket %s: somebody holds it and does not answer, and this daemon was ended before it did", socket)
		}
	}
}

// holderOf tells whether a process listens on a socket, and which; 0: it cannot be seen from here.
func holderOf(socket string) (pid int, held bool) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0, false
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, true
	}
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid, true
}

// isDying reports whether a process has begun to end: it lets go of its program before it does of
// its files.
func isDying(pid int) bool {
	if pid == 0 {
		return false
	}
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return errors.Is(err, os.ErrNotExist)
}
