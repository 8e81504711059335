// Package netns opens network namespaces and runs functions in them.
//
// A network namespace belongs to a thread, not to a goroutine. [Do] runs a function on a goroutine
// of its own, which is locked to its thread, moves the thread into a namespace and back again. What
// the function starts on other goroutines runs elsewhere; sockets and processes that it creates
// stay in the namespace.
//
// Virtual routers, data planes and tests all use this package, and none of them may import another:
// it is below them, and is the only one that imports github.com/vishvananda/netns.
package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Handle is an open network namespace, which exists as long as it is open. Package netlink of
// vishvananda accepts it, too.
type Handle = netns.NsHandle

// None is no network namespace.
const None Handle = -1

// Open opens the network namespace that is mounted at path.
func Open(path string) (Handle, error) {
	h, err := netns.GetFromPath(path)
	if err != nil {
		return None, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return h, nil
}

// Current opens the network namespace of the calling thread.
func Current() (Handle, error) {
	h, err := netns.Get()
	if err != nil {
		return None, fmt.Errorf("open the current network namespace: %w", err)
	}
	return h, nil
}

// Duplicate opens the same network namespace once more.
func Duplicate(h Handle) (Handle, error) {
	fd, err := unix.FcntlInt(uintptr(h), unix.F_DUPFD_CLOEXEC, 0)
	return Handle(fd), err
}

// New creates a network namespace without a name. The kernel deletes it when it is no longer open
// and nothing is inside.
func New() (h Handle, err error) {
	h = None
	err = Run(Unshare, func() (err error) {
		h, err = Current()
		return err
	})
	return h, err
}

// Enter moves the calling thread into a namespace. Use it in a function that Run calls.
func Enter(h Handle) error {
	if err := netns.Set(h); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}

// Unshare moves the calling thread into a new namespace. Use it in a function that Run calls.
func Unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	return nil
}

// Do runs f on a thread that is inside the namespace h, and returns its error.
func Do(h Handle, f func() error) error {
	return Run(func() error { return Enter(h) }, f)
}

// Run is Do for a namespace that enter moves the thread into, such as Unshare; f does not run if
// enter fails.
//
// The thread goes back to its namespace afterwards. Only a thread that cannot go back is ended: its
// goroutine ends while it is locked to the thread, so that no other goroutine runs in the wrong
// namespace. Run does not end every thread in this way, because it may have used the main thread of
// the process, which cannot end and would keep the namespace open.
func Run(enter, f func() error) error {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		var home Handle
		if home, err = Current(); err != nil {
			runtime.UnlockOSThread()
			return
		}
		defer func() {
			if netns.Set(home) == nil {
				runtime.UnlockOSThread()
			}
			_ = home.Close() // of a descriptor that is only read: no error of interest
		}()
		if err = enter(); err != nil {
			return
		}
		err = errors.New("the function ended its goroutine") // unless it returns
		err = f()
	}()
	<-done
	return err
}
