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

// writeSysctl sets a parameter below net in the namespace of the calling thread, where it is not so
// yet.
func writeSysctl(key, value string) error {
	path := filepath.Join("/proc/sys/net", key)
	now, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(now)) == value {
		return err
	}
	err = os.WriteFile(path, []byte(value), 0)
	if errors.Is(err, unix.EROFS) {
		return writeOwnSysctl(key, value)
	}
	return err
}

// writeOwnSysctl does the same where /proc/sys is read-only, as it is in containers: by a view of
// /proc of our own, which is mounted nowhere. The parameters of a namespace that we have made are
// ours to set.
func writeOwnSysctl(key, value string) error {
	proc, err := ownProc()
	if err != nil {
		return fmt.Errorf("/proc/sys is read-only, and %w", err)
	}
	fd, err := unix.Openat(proc, filepath.Join("sys/net", key), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), key)
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

// ownProc is a descriptor of a /proc that is mounted nowhere; it stays open.
var ownProc = sync.OnceValues(func() (int, error) {
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
