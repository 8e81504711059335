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

// deathWait is how long to wait for a process that has the API socket open, does not respond, and
// is not visibly ending.
const deathWait = 30 * time.Second

// awaitDeath returns when no process has the socket open any more. It fails if a running daemon
// answers on it, if a process keeps it open for longer than wait, or if ctx is done. For a killed
// daemon it waits without limit: the kernel first removes the daemon's interfaces, which takes
// minutes for thousands of them, and the socket accepts connections until then.
func awaitDeath(ctx context.Context, log *zap.Logger, socket string, wait time.Duration) error {
	logged := false
	for deadline := time.Now().Add(wait); ; {
		holder, held := holderOf(socket)
		if !held {
			return nil
		}
		// A running daemon answers at once. That is an error even if ctx is done already.
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_, err := api.NewClient(socket).Status(asking)
		cancel()
		switch {
		case err == nil || errors.As(err, new(*api.StatusError)):
			return fmt.Errorf("api.socket %s: another l2tpvld is running and uses this socket; stop it, or configure another socket", socket)
		case isDying(holder):
			deadline = time.Now().Add(wait)
			if !logged {
				logged = true
				log.Info("waiting for a killed daemon, whose interfaces the kernel is removing", zap.Int("pid", holder))
			}
		case time.Now().After(deadline):
			return fmt.Errorf("api.socket %s: in use by a process that does not respond; end it, or configure another socket", socket)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("api.socket %s: in use by a process that does not respond; this daemon was stopped while waiting for it", socket)
		}
	}
}

// holderOf reports whether a process listens on a socket, and its PID; 0: the PID is not visible
// from here.
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

// isDying reports whether a process is ending: the kernel releases its executable before its open
// files.
func isDying(pid int) bool {
	if pid == 0 {
		return false
	}
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return errors.Is(err, os.ErrNotExist)
}
