package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// writeSysctl sets a parameter below /proc/sys/net in the namespace of the calling thread, unless
// it already has that value.
func writeSysctl(key, value string) error {
	path := filepath.Join("/proc/sys/net", key)
	now, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(now)) == value {
		return err
	}
	err = os.WriteFile(path, []byte(value), 0)
	if errors.Is(err, unix.EROFS) {
		return writePrivateSysctl(key, value)
	}
	return err
}

// writePrivateSysctl does the same where /proc/sys is read-only, as it is in containers: through a
// private instance of /proc that is not mounted anywhere. The daemon may set the parameters of the
// namespaces that it creates.
func writePrivateSysctl(key, value string) error {
	proc, err := privateProc()
	if err != nil {
		return fmt.Errorf("/proc/sys is read-only, and cannot open another /proc: %w", err)
	}
	fd, err := unix.Openat(proc, filepath.Join("sys/net", key), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), key)
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

// privateProc returns the descriptor of a /proc that is not mounted anywhere; it stays open.
var privateProc = sync.OnceValues(func() (int, error) {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return 0, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return 0, os.NewSyscallError("fsconfig", err)
	}
	proc, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("fsmount", err)
	}
	return proc, nil
})
